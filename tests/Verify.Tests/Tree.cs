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

    private static int Split(int length)
    {
        var k = 1;
        while (k * 2 < length)
            k *= 2;
        return k;
    }
}
