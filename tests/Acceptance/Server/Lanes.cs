using Xunit.Abstractions;

namespace ChatCqrs.Acceptance.Server;

/// <summary>Specs that run after all others, one at a time, without other load on the machine.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>
/// Starts the longest collections first: the specs on the shared product, then retention and erasure.
/// </summary>
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
