using System.Security.Cryptography;

namespace ChatCqrs.Verify.Tests;

/// <summary>RFC 6962, section 2.1, as its text has it: by recursion, over all leaves.</summary>
internal static class Tree
{
    public static byte[] Leaf(byte[] data) => SHA256.HashData([0, .. data]);

    public static byte[] Root(ReadOnlySpan<byte[]> leaves) => leaves.Length switch
    {
        0 => SHA256.HashData([]),
        1 => leaves[0],
        _ => SHA256.HashData([1, .. Root(leaves[..Split(leaves.Length)]), .. Root(leaves[Split(leaves.Length)..])]),
    };

    /// <summary>The audit path of a leaf (section 2.1.1).</summary>
    public static List<byte[]> Path(int index, ReadOnlySpan<byte[]> leaves)
    {
        if (leaves.Length <= 1)
            return [];
        var k = Split(leaves.Length);
        return index < k
            ? [.. Path(index, leaves[..k]), Root(leaves[k..])]
            : [.. Path(index - k, leaves[k..]), Root(leaves[..k])];
    }

    /// <summary>
    /// The roots of the perfect subtrees beside some leaves, from the left: whoever has these leaves gets the root.
    /// </summary>
    /// <param name="from">The first of the leaves.</param>
    /// <param name="to">The last one.</param>
    public static List<byte[]> Around(byte[][] leaves, int from, int to)
    {
        var roots = new List<byte[]>();
        Visit(0, leaves.Length);
        return roots;

        void Visit(int start, int length)
        {
            if (start >= from && start + length - 1 <= to)
                return;
            if ((start > to || start + length <= from) && int.IsPow2(length))
            {
                roots.Add(Root(leaves.AsSpan(start, length)));
                return;
            }

            var left = Split(length);
            Visit(start, left);
            Visit(start + left, length - left);
        }
    }

    private static int Split(int length)
    {
        var k = 1;
        while (k * 2 < length)
            k *= 2;
        return k;
    }
}
