using Xunit.Abstractions;

namespace ChatCqrs.Acceptance.Server;

/// <summary>Specs that run after all others, one at a time: nothing else burdens the machine.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>What takes longest begins, so that the others fill the time beside it: the specs on the running product, and then those that wait for retention.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(Turn).ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);

    private static int Turn(ITestCollection collection) =>
        collection.DisplayName == ProductCollection.Name ? 0
        : collection.DisplayName.Contains(nameof(RetentionSpecs), StringComparison.Ordinal) ? 1
        : collection.DisplayName.Contains(nameof(ErasureProofSpecs), StringComparison.Ordinal) ? 2
        : 3;
}
