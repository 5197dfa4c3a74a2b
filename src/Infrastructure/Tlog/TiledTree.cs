using System.Runtime.InteropServices;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>Reads a tile's hashes, 32 bytes each, as many as <see cref="Tile.Width"/>.</summary>
internal delegate ValueTask<ReadOnlyMemory<byte>> ReadTile(Tile tile, CancellationToken cancellationToken);

/// <summary>
/// A tree of a fixed size whose hashes are in tiles. A proof reads at most some 8 tiles a level of tiles, each once.
/// </summary>
internal sealed class TiledTree(long size, ReadTile read)
{
    private readonly Dictionary<Tile, ReadOnlyMemory<byte>> _tiles = [];

    /// <summary>The number of leaves.</summary>
    public long Size { get; } = size;

    public Task<Digest> RootAsync(CancellationToken cancellationToken) =>
        HashAsync(new TreeRange(0, Size), cancellationToken);

    /// <summary>The hash of one leaf.</summary>
    public async Task<Digest> LeafAsync(long index, CancellationToken cancellationToken) =>
        await HashAsync(new TreeRange(index, index + 1), cancellationToken);

    /// <exception cref="ArgumentOutOfRangeException">There is no such leaf.</exception>
    public Task<IReadOnlyList<Digest>> InclusionAsync(long index, CancellationToken cancellationToken) =>
        HashesAsync(TreeRange.Inclusion(index, Size), cancellationToken);

    /// <exception cref="ArgumentOutOfRangeException"><paramref name="old"/> is not between 1 and the size.</exception>
    public Task<IReadOnlyList<Digest>> ConsistencyAsync(long old, CancellationToken cancellationToken) =>
        HashesAsync(TreeRange.Consistency(old, Size), cancellationToken);

    private async Task<IReadOnlyList<Digest>> HashesAsync(
        IReadOnlyList<TreeRange> ranges, CancellationToken cancellationToken)
    {
        var hashes = new List<Digest>(ranges.Count);
        foreach (var range in ranges)
            hashes.Add(await HashAsync(range, cancellationToken));
        return hashes;
    }

    private async Task<Digest> HashAsync(TreeRange range, CancellationToken cancellationToken)
    {
        if (range.End == range.Start)
            return MerkleTree.EmptyRoot;
        Digest? hash = null;
        foreach (var subtree in range.Subtrees().Reverse())
        {
            var left = await HashAsync(subtree, cancellationToken);
            hash = hash is { } right ? MerkleTree.Node(left, right) : left;
        }

        return hash!.Value;
    }

    private async ValueTask<Digest> HashAsync(Subtree subtree, CancellationToken cancellationToken)
    {
        var (level, within) = (subtree.Level / Tile.Height, subtree.Level % Tile.Height);
        var first = subtree.Index << within;
        var tile = Tile.Of(level, first, Size);
        if (!_tiles.TryGetValue(tile, out var hashes))
        {
            hashes = await read(tile, cancellationToken);
            if (hashes.Length != tile.Width * Digest.Size)
                throw new InvalidDataException($"The tile {tile.Path} has {hashes.Length} bytes.");
            _tiles.Add(tile, hashes);
        }

        return MerkleTree.Root(
            MemoryMarshal.Cast<byte, Digest>(hashes.Span).Slice((int)(first - tile.Start), 1 << within));
    }
}
