namespace ChatCqrs.Acceptance.Server;

/// <summary>
/// Specs that run after all others, one at a time, without other load on the machine: their deadlines are promises.
/// Each such class has the trait <c>Category=Alone</c>, too, by which ./test runs them after all other projects.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "Alone";
    public const string Trait = "Category";
}
