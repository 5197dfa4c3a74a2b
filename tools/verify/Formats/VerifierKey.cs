using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace ChatCqrs.Verify.Formats;

/// <summary>
/// A public key that signs notes, written <c>name+hex(id)+base64(0x01 || key)</c> (Go's <c>sumdb/note</c>): Ed25519.
/// </summary>
internal sealed class VerifierKey
{
    private const byte Ed25519Type = 1;

    private readonly byte[] _key;

    private VerifierKey(string name, byte[] key) => (Name, _key, Id) = (name, key, IdOf(name, key));

    public string Name { get; }

    public uint Id { get; }

    /// <exception cref="FormatException">The text is no such key.</exception>
    public static VerifierKey Parse(string text)
    {
        var parts = text.Trim().Split('+', 3);
        if (parts.Length != 3 || !IsName(parts[0])
            || !uint.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id)
            || parts[1].Length != 8)
            throw new FormatException("a key is written name+12345678+base64");
        var bytes = CanonicalBase64.Decode(parts[2], 1 + Ed25519.PublicKeySize);
        if (bytes[0] != Ed25519Type)
            throw new FormatException("the key is not of the type 0x01, Ed25519");
        var key = new VerifierKey(parts[0], bytes[1..]);
        return key.Id == id ? key : throw new FormatException("the key's id is not that of its name and bytes");
    }

    /// <summary>The same key under another name, and so with another id.</summary>
    public VerifierKey Named(string name) => new(name, _key);

    /// <summary>Whether the key made the signature (RFC 8032) of a text.</summary>
    public bool HasSigned(byte[] text, byte[] signature) =>
        signature.Length == Ed25519.SignatureSize && Ed25519.Verify(signature, 0, _key, 0, text, 0, text.Length);

    public override string ToString() =>
        $"{Name}+{Id:x8}+{Convert.ToBase64String([Ed25519Type, .. _key])}";

    /// <summary>Names are not empty, and have neither plus signs nor Unicode's spaces.</summary>
    public static bool IsName(string name) =>
        name.Length > 0 && !name.Contains('+', StringComparison.Ordinal) && !name.Any(char.IsWhiteSpace);

    private static uint IdOf(string name, byte[] key) => BinaryPrimitives.ReadUInt32BigEndian(
        SHA256.HashData([.. Lines.Bytes(name), (byte)'\n', Ed25519Type, .. key]));
}
