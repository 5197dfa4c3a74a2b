using System.Numerics;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// What leads from consecutive leaves of a tree to its root, for somebody who does not have the others: the roots of
/// the subtrees before them, then of those after them, from the left. At most three a level (docs/adr/0133).
/// </summary>
internal static class SegmentProof
{
    /// <summary>The largest perfect subtrees at their places in a tree that make up some consecutive leaves.</summary>
    /// <param name="start">The first leaf.</param>
    /// <param name="end">The leaf after the last one.</param>
    public static IEnumerable<TreeRange> Subtrees(long start, long end)
    {
        while (start < end)
        {
            var fitting = BitOperations.Log2((ulong)(end - start));
            var level = start == 0 ? fitting : Math.Min(fitting, BitOperations.TrailingZeroCount(start));
            yield return new TreeRange(start, start + (1L << level));
            start += 1L << level;
        }
    }
}
