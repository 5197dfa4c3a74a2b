using Xunit.Abstractions;

namespace ChatCqrs.Testing;

/// <summary>Starts the longest classes first, so that no core waits for one of them at the end.</summary>
/// <param name="longest">Names of classes, the longest first. All others follow, by name.</param>
public abstract class LongestFirst(params string[] longest) : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(Turn).ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);

    private int Turn(ITestCollection collection)
    {
        var turn = Array.FindIndex(
            longest, name => collection.DisplayName.EndsWith($".{name}", StringComparison.Ordinal));
        return turn < 0 ? longest.Length : turn;
    }
}
