using Xunit.Abstractions;

namespace ChatCqrs.Acceptance.Server;

/// <summary>Specs that run after all others, one at a time: nothing else burdens the machine.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>The specs on the running product take longest together: they begin, so that the others fill the time beside them.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => collection.DisplayName != ProductCollection.Name).ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);
}
