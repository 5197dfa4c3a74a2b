using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>
/// Verifies a proof as docs/audit.md says it: an implementation of its own, on another library for Ed25519.
/// </summary>
/// <param name="Size">The checkpoint's size.</param>
/// <param name="Head">The lines of the head's record.</param>
/// <param name="Batch">The lines of the batch's entry.</param>
internal sealed record ProofCheck(long Size, string[] Head, string[] Batch)
{
    public static ProofCheck Of(string proof, string vkey)
    {
        var (top, checkpoint) = Cut(proof, "\n\n");
        var (size, root) = OpenNote(checkpoint, vkey);
        var lines = top.Split('\n');
        Assert.Equal("c2sp.org/tlog-proof@v1", lines[0]);
        Assert.StartsWith("extra ", lines[1]);
        Assert.StartsWith("index ", lines[2]);
        var parts = Encoding.UTF8.GetString(Convert.FromBase64String(lines[1][6..])).Split("\n\n");
        Assert.Equal(3, parts.Length);
        var (head, inner, batch) = (parts[0] + "\n", parts[1].Split('\n'), parts[2]);
        var entry = batch.Split('\n');

        Assert.Equal(
            root, Fold(Number(lines[2][6..]), size, Leaf(batch), lines[3..].Select(Convert.FromBase64String)));
        Assert.StartsWith("index ", inner[0]);
        Assert.StartsWith("heads ", entry[4]);
        Assert.StartsWith("root ", entry[5]);
        Assert.Equal(
            entry[5][5..],
            Fold(
                Number(inner[0][6..]), Number(entry[4][6..]), Leaf(head),
                inner[1..].Select(Convert.FromBase64String)));
        return new ProofCheck(size, head.Split('\n'), entry);
    }

    /// <summary>Opens a checkpoint.</summary>
    /// <returns>Its size, and its root in base64.</returns>
    public static (long Size, string Root) OpenNote(string note, string vkey)
    {
        var (text, signature) = Cut(note, "\n\n");
        text += "\n";
        var key = vkey.Split('+', 3);
        var line = signature.TrimEnd('\n').Split(' ');
        Assert.Equal(["—", key[0]], line[..2]);
        var bytes = Convert.FromBase64String(line[2]);
        Assert.Equal(key[1], Convert.ToHexStringLower(bytes[..4]));
        var verifier = new Ed25519Signer();
        verifier.Init(forSigning: false, new Ed25519PublicKeyParameters(Convert.FromBase64String(key[2])[1..]));
        verifier.BlockUpdate(Encoding.UTF8.GetBytes(text), 0, Encoding.UTF8.GetByteCount(text));
        Assert.True(verifier.VerifySignature(bytes[4..]));
        var lines = text.Split('\n');
        Assert.Equal(key[0], lines[0]);
        return (Number(lines[1]), lines[2]);
    }

    public static byte[] Leaf(string entry) => SHA256.HashData([0, .. Encoding.UTF8.GetBytes(entry)]);

    /// <summary>The root that a leaf and its proof lead to (RFC 9162, section 2.1.3.2), in base64.</summary>
    private static string Fold(long index, long size, byte[] hash, IEnumerable<byte[]> proof)
    {
        var (node, last) = (index, size - 1);
        Assert.InRange(index, 0, last);
        foreach (var sibling in proof)
        {
            Assert.NotEqual(0, last);
            if (node % 2 == 1 || node == last)
            {
                hash = SHA256.HashData([1, .. sibling, .. hash]);
                while (node % 2 == 0 && node != 0)
                    (node, last) = (node / 2, last / 2);
            }
            else
            {
                hash = SHA256.HashData([1, .. hash, .. sibling]);
            }

            (node, last) = (node / 2, last / 2);
        }

        Assert.Equal(0, last);
        return Convert.ToBase64String(hash);
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static (string Before, string After) Cut(string text, string at)
    {
        var place = text.IndexOf(at, StringComparison.Ordinal);
        Assert.True(place >= 0);
        return (text[..place], text[(place + at.Length)..]);
    }
}
