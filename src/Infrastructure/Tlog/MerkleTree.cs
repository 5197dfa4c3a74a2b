using System.Security.Cryptography;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>Hashes and trees of RFC 6962, section 2.1, with SHA-256.</summary>
internal static class MerkleTree
{
    private const byte LeafPrefix = 0;
    private const byte NodePrefix = 1;
    private const int StackMax = 1024;

    [ThreadStatic]
    private static IncrementalHash? _hasher;

    /// <summary>The root of a tree without leaves: the hash of nothing.</summary>
    public static Digest EmptyRoot { get; } = Digest.Of(SHA256.HashData(ReadOnlySpan<byte>.Empty));

    /// <summary>The leaf of an entry: <c>SHA-256(0x00 || entry)</c>.</summary>
    public static Digest Leaf(ReadOnlySpan<byte> entry)
    {
        var size = entry.Length + 1;
        var input = size <= StackMax ? stackalloc byte[StackMax] : new byte[size];
        input[0] = LeafPrefix;
        entry.CopyTo(input[1..]);
        return Hash(input[..size]);
    }

    /// <summary>The leaf of an entry that is a hash itself.</summary>
    public static Digest Leaf(Digest entry)
    {
        Span<byte> input = stackalloc byte[1 + Digest.Size];
        input[0] = LeafPrefix;
        entry.CopyTo(input[1..]);
        return Hash(input);
    }

    /// <summary>The parent of two nodes: <c>SHA-256(0x01 || left || right)</c>.</summary>
    public static Digest Node(Digest left, Digest right)
    {
        Span<byte> input = stackalloc byte[1 + (2 * Digest.Size)];
        input[0] = NodePrefix;
        left.CopyTo(input[1..]);
        right.CopyTo(input[(1 + Digest.Size)..]);
        return Hash(input);
    }

    /// <summary>The root of a tree over these leaves.</summary>
    public static Digest Root(ReadOnlySpan<Digest> leaves)
    {
        var frontier = new MerkleFrontier();
        foreach (var leaf in leaves)
            frontier.Append(leaf);
        return frontier.Root();
    }

    /// <summary>That a leaf is in the tree over all leaves, from its sibling up to a child of the root.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such leaf.</exception>
    public static IReadOnlyList<Digest> Inclusion(ReadOnlyMemory<Digest> leaves, long index) =>
        [.. TreeRange.Inclusion(index, leaves.Length).Select(range => Root(range, leaves))];

    /// <summary>That the tree over the first leaves is a prefix of the tree over all of them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="old"/> is below 1 or above the leaves' number.
    /// </exception>
    public static IReadOnlyList<Digest> Consistency(ReadOnlyMemory<Digest> leaves, long old) =>
        [.. TreeRange.Consistency(old, leaves.Length).Select(range => Root(range, leaves))];

    private static Digest Root(TreeRange range, ReadOnlyMemory<Digest> leaves) =>
        Root(leaves.Span[(int)range.Start..(int)range.End]);

    private static Digest Hash(ReadOnlySpan<byte> input)
    {
        // Setting a new one up costs as much again as hashing a node.
        var hasher = _hasher ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> hash = stackalloc byte[Digest.Size];
        hasher.AppendData(input);
        hasher.GetHashAndReset(hash);
        return Digest.Of(hash);
    }
}
