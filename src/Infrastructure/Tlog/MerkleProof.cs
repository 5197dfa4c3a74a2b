using System.Numerics;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>Checks proofs, as RFC 9162, sections 2.1.3.2 and 2.1.4.2, says it.</summary>
internal static class MerkleProof
{
    /// <summary>Whether a leaf is at this index of the tree with this size and root.</summary>
    public static bool Includes(long index, long size, Digest leaf, Digest root, IReadOnlyList<Digest> proof)
    {
        if (index < 0 || index >= size)
            return false;
        var (node, last, hash) = (index, size - 1, leaf);
        foreach (var sibling in proof)
        {
            if (last == 0)
                return false;
            if (IsRight(ref node, ref last))
                hash = MerkleTree.Node(sibling, hash);
            else
                hash = MerkleTree.Node(hash, sibling);
            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 && hash == root;
    }

    /// <summary>Whether the tree with the old size and root is a prefix of the other one.</summary>
    public static bool Extends(long old, long size, Digest oldRoot, Digest root, IReadOnlyList<Digest> proof)
    {
        if (old < 0 || old > size)
            return false;
        if (old == 0)
            return proof.Count == 0 && oldRoot == MerkleTree.EmptyRoot;
        if (old == size)
            return proof.Count == 0 && oldRoot == root;
        IReadOnlyList<Digest> path = BitOperations.IsPow2(old) ? [oldRoot, .. proof] : proof;
        if (path.Count == 0)
            return false;
        var (node, last) = (old - 1, size - 1);
        for (; (node & 1) == 1; last >>= 1)
            node >>= 1;
        var (before, after) = (path[0], path[0]);
        foreach (var hash in path.Skip(1))
        {
            if (last == 0)
                return false;
            if (IsRight(ref node, ref last))
                (before, after) = (MerkleTree.Node(hash, before), MerkleTree.Node(hash, after));
            else
                after = MerkleTree.Node(after, hash);
            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 && before == oldRoot && after == root;
    }

    /// <summary>Whether a node has its sibling at its left; climbs past levels where it has none.</summary>
    private static bool IsRight(ref long node, ref long last)
    {
        if ((node & 1) == 0 && node != last)
            return false;
        for (; (node & 1) == 0 && node != 0; last >>= 1)
            node >>= 1;
        return true;
    }
}
