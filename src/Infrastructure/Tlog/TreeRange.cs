using System.Numerics;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>Consecutive leaves whose root is one hash of a proof (RFC 6962, sections 2.1.1 and 2.1.2).</summary>
/// <param name="Start">The first leaf.</param>
/// <param name="End">The leaf after the last one.</param>
internal readonly record struct TreeRange(long Start, long End)
{
    public long Count => End - Start;

    /// <summary>The ranges of an inclusion proof, in its order.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tree has no such leaf.</exception>
    public static IReadOnlyList<TreeRange> Inclusion(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var path = new List<TreeRange>();
        for (var tree = new TreeRange(0, size); tree.Count > 1;)
        {
            var (left, right) = tree.Split();
            (tree, var sibling) = index < right.Start ? (left, right) : (right, left);
            path.Add(sibling);
        }

        path.Reverse();
        return path;
    }

    /// <summary>The ranges of a consistency proof, in its order.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="old"/> is not between 1 and the size.</exception>
    public static IReadOnlyList<TreeRange> Consistency(long old, long size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(old, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(old, size);
        var path = new List<TreeRange>();
        var tree = new TreeRange(0, size);
        while (tree.End != old)
        {
            var (left, right) = tree.Split();
            (tree, var sibling) = old <= right.Start ? (left, right) : (right, left);
            path.Add(sibling);
        }

        if (tree.Start > 0)
            path.Add(tree); // Else it is the old tree itself, whose root the verifier has.
        path.Reverse();
        return path;
    }

    /// <summary>The perfect subtrees that make up this range, the largest first.</summary>
    public IEnumerable<Subtree> Subtrees()
    {
        for (var start = Start; start < End;)
        {
            var level = BitOperations.Log2((ulong)(End - start));
            yield return new Subtree(level, start >> level);
            start += 1L << level;
        }
    }

    private (TreeRange Left, TreeRange Right) Split()
    {
        var middle = Start + (1L << BitOperations.Log2((ulong)(Count - 1)));
        return (this with { End = middle }, this with { Start = middle });
    }
}

/// <summary>A subtree of 2^<paramref name="Level"/> leaves.</summary>
/// <param name="Level">Its height, 0 for a leaf.</param>
/// <param name="Index">Its place among the subtrees of this height, from 0.</param>
internal readonly record struct Subtree(int Level, long Index);
