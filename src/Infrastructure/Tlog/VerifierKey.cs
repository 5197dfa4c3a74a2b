using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NSec.Cryptography;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>What a key signs (c2sp.org/signed-note@v1.0.0, signature types).</summary>
internal enum SignatureType : byte
{
    /// <summary>The text of a note.</summary>
    Note = 1,

    /// <summary>A checkpoint and a time: a witness's cosignature (c2sp.org/tlog-cosignature@v1.0.1).</summary>
    Cosignature = 4,
}

/// <summary>
/// The name and public key of who signs notes (c2sp.org/signed-note@v1.0.0), Ed25519 (RFC 8032). Its text, the vkey,
/// is <c>name+keyid+base64(type || key)</c>, the key id in 8 small hexadecimal digits.
/// </summary>
internal sealed class VerifierKey
{
    public const int KeySize = 32;
    public const int SignatureSize = 64;

    private readonly PublicKey _key;

    /// <param name="name">Not empty, without spaces and plus signs.</param>
    /// <param name="type">What it signs.</param>
    /// <param name="key">32 bytes, RFC 8032.</param>
    /// <exception cref="FormatException">The name or the key is malformed.</exception>
    public VerifierKey(string name, SignatureType type, ReadOnlySpan<byte> key)
    {
        if (!IsName(name))
            throw new FormatException($"\"{name}\" cannot be a key's name.");
        if (!PublicKey.TryImport(SignatureAlgorithm.Ed25519, key, KeyBlobFormat.RawPublicKey, out var imported)
            || imported is null)
            throw new FormatException("This is no Ed25519 public key.");
        (Name, Type, _key, Raw) = (name, type, imported, key.ToArray());
        Id = BinaryPrimitives.ReadUInt32BigEndian(
            SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', (byte)type, .. key]));
    }

    public string Name { get; }
    public SignatureType Type { get; }

    /// <summary>The public key, 32 bytes.</summary>
    public ReadOnlyMemory<byte> Raw { get; }

    /// <summary>Four bytes of a hash of name, type and key: it tells keys apart, and proves nothing.</summary>
    public uint Id { get; }

    /// <summary>Parses a vkey.</summary>
    /// <exception cref="FormatException">It is malformed, of another type, or its key id is another key's.</exception>
    public static VerifierKey Parse(string vkey)
    {
        var parts = vkey.Split('+', 3); // Base64 may have plus signs, too.
        if (parts.Length != 3 || StrictBase64.Decode(parts[2]) is not { Length: 1 + KeySize } bytes
            || (SignatureType)bytes[0] is not (SignatureType.Note or SignatureType.Cosignature))
            throw new FormatException("This is no vkey of an Ed25519 key.");
        var key = new VerifierKey(parts[0], (SignatureType)bytes[0], bytes.AsSpan(1));
        return key.ToString() == vkey ? key : throw new FormatException("The vkey's key id is not that of its key.");
    }

    /// <summary>Whether this is the Ed25519 signature of these bytes.</summary>
    public bool Verifies(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        signature.Length == SignatureSize && SignatureAlgorithm.Ed25519.Verify(_key, data, signature);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name}+{Id:x8}+{Convert.ToBase64String([(byte)Type, .. Raw.Span])}");

    internal static bool IsName(string name) =>
        name.Length > 0 && !name.Any(character => char.IsWhiteSpace(character) || character < ' ' || character == '+')
        && !name.Contains('\uFFFD', StringComparison.Ordinal);
}
