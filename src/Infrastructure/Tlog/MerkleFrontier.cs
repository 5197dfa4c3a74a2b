namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>The right edge of a growing tree: at most one node a level, 64 for any number of leaves.</summary>
internal sealed class MerkleFrontier
{
    private readonly List<Digest> _nodes = []; // Roots of perfect subtrees, the largest first.

    /// <summary>The number of leaves.</summary>
    public long Count { get; private set; }

    public void Append(Digest leaf)
    {
        for (var size = Count; (size & 1) == 1; size >>= 1)
        {
            leaf = MerkleTree.Node(_nodes[^1], leaf);
            _nodes.RemoveAt(_nodes.Count - 1);
        }

        _nodes.Add(leaf);
        Count++;
    }

    /// <summary>The root over all leaves so far.</summary>
    public Digest Root()
    {
        if (Count == 0)
            return MerkleTree.EmptyRoot;
        var root = _nodes[^1];
        for (var node = _nodes.Count - 2; node >= 0; node--)
            root = MerkleTree.Node(_nodes[node], root);
        return root;
    }
}
