using System.Numerics;
using System.Security.Cryptography;

namespace ChatCqrs.Verify.Formats;

/// <summary>Merkle trees of RFC 6962, section 2.1, with SHA-256.</summary>
internal static class Merkle
{
    public const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>The most hashes of a proof: the height of a tree of 2^63 leaves.</summary>
    public const int ProofMax = 63;

    public static byte[] Leaf(ReadOnlySpan<byte> data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([0]);
        hash.AppendData(data);
        return hash.GetHashAndReset();
    }

    public static byte[] Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> bytes = stackalloc byte[1 + (2 * HashSize)];
        bytes[0] = 1;
        left.CopyTo(bytes[1..]);
        right.CopyTo(bytes[(1 + HashSize)..]);
        return SHA256.HashData(bytes);
    }

    /// <summary>The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2).</summary>
    /// <exception cref="FormatException">The proof does not fit the place and the size.</exception>
    public static byte[] Root(byte[] leaf, long index, long size, IReadOnlyList<byte[]> proof)
    {
        if (index < 0 || index >= size)
            throw new FormatException($"the place {index} is not in a tree of {size}");
        var (node, last, root) = (index, size - 1, leaf);
        foreach (var sibling in proof)
        {
            if (last == 0)
                throw new FormatException("the proof has too many hashes");
            if ((node & 1) == 1 || node == last)
            {
                root = Node(sibling, root);
                while ((node & 1) == 0 && node != 0)
                {
                    node >>= 1;
                    last >>= 1;
                }
            }
            else
            {
                root = Node(root, sibling);
            }

            node >>= 1;
            last >>= 1;
        }

        return last == 0 ? root : throw new FormatException("the proof has too few hashes");
    }
}

/// <summary>The root of a tree that grows leaf by leaf; keeps one hash a level.</summary>
internal sealed class MerkleFrontier
{
    /// <summary>Roots of the complete subtrees, the largest first.</summary>
    private readonly Stack<byte[]> _subtrees = new();

    public long Size { get; private set; }

    public void Add(byte[] leaf) => Add(leaf, level: 0);

    /// <summary>Adds a subtree of 2^level leaves. So many leaves at a time must have been added before.</summary>
    public void Add(byte[] root, int level)
    {
        var node = root;
        for (var joined = BitOperations.TrailingZeroCount(~(Size >> level)); joined > 0; joined--)
            node = Merkle.Node(_subtrees.Pop(), node);
        _subtrees.Push(node);
        Size += 1L << level;
    }

    /// <summary>
    /// Adds leaves up to a size by the roots of their largest perfect subtrees, from the left.
    /// </summary>
    /// <exception cref="FormatException">There are too few roots.</exception>
    public void AddUpTo(long size, Queue<byte[]> roots)
    {
        while (Size < size)
        {
            var fitting = BitOperations.Log2((ulong)(size - Size));
            var level = Size == 0 ? fitting : Math.Min(fitting, BitOperations.TrailingZeroCount(Size));
            if (!roots.TryDequeue(out var root))
                throw new FormatException("a head's segment has too few hashes");
            Add(root, level);
        }
    }

    public byte[] Root()
    {
        byte[]? root = null;
        foreach (var subtree in _subtrees)
            root = root is null ? subtree : Merkle.Node(subtree, root);
        return root ?? SHA256.HashData([]);
    }
}
