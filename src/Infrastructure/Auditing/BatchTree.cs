using System.Runtime.InteropServices;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// A batch's own tree, as its <c>tiles</c> hold it: the hashes of the tiles of level 0, of level 1, and so on, so that
/// a tile is a slice.
/// </summary>
internal static class BatchTree
{
    /// <summary>The hashes of all levels of tiles.</summary>
    public static byte[] Encode(Digest[] leaves)
    {
        var levels = new List<Digest>(leaves);
        for (var level = leaves; level.Length >= Tile.WidthMax;)
        {
            var lower = level;
            level =
            [
                .. Enumerable.Range(0, lower.Length / Tile.WidthMax)
                    .Select(tile => MerkleTree.Root(lower.AsSpan(tile * Tile.WidthMax, Tile.WidthMax))),
            ];
            levels.AddRange(level);
        }

        return MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(levels)).ToArray();
    }

    /// <summary>Where a tile's hashes begin, in bytes.</summary>
    /// <param name="tile">A tile of the tree.</param>
    /// <param name="size">The number of leaves.</param>
    public static long OffsetOf(Tile tile, long size)
    {
        var hashes = tile.Start;
        for (var level = 0; level < tile.Level; level++)
            hashes += Tile.HashesOf(level, size);
        return hashes * Digest.Size;
    }
}
