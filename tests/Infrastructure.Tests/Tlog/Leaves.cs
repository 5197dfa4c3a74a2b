using System.Runtime.InteropServices;
using System.Text;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Tests.Tlog;

/// <summary>A log of made-up entries, and every tile that trees over it have.</summary>
internal static class Leaves
{
    /// <summary>More than two full tiles.</summary>
    public const int Max = 600;

    public static Digest[] All { get; } = [.. Enumerable.Range(0, Max).Select(Leaf)];

    /// <summary>The roots of the trees of all sizes, by plain recursion over the definition.</summary>
    public static Digest[] Roots { get; } =
        [.. Enumerable.Range(0, Max + 1).Select(size => Naive(All.AsSpan(0, size)))];

    /// <summary>The hashes of the tiles of levels 0 and 1.</summary>
    private static readonly Digest[][] Levels =
        [All, [.. All.Chunk(Tile.WidthMax).Where(full => full.Length == Tile.WidthMax).Select(full => Naive(full))]];

    /// <summary>The tree of a size, read from tiles.</summary>
    public static TiledTree Tiled(int size) => new(size, (tile, _) => ValueTask.FromResult(Read(tile, size)));

    private static ReadOnlyMemory<byte> Read(Tile tile, int size)
    {
        Assert.True(tile.IsIn(size), tile.Path);
        return MemoryMarshal.AsBytes(Levels[tile.Level!.Value].AsSpan((int)tile.Start, tile.Width)).ToArray();
    }

    private static Digest Leaf(int number) => MerkleTree.Leaf(Encoding.UTF8.GetBytes($"entry {number}\n"));

    /// <summary>MTH of RFC 6962, section 2.1, word for word.</summary>
    private static Digest Naive(ReadOnlySpan<Digest> leaves)
    {
        if (leaves.Length == 0)
            return MerkleTree.EmptyRoot;
        if (leaves.Length == 1)
            return leaves[0];
        var split = 1;
        while (split * 2 < leaves.Length)
            split *= 2;
        return MerkleTree.Node(Naive(leaves[..split]), Naive(leaves[split..]));
    }
}
