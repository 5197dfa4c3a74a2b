using System.Buffers.Binary;
using System.Text;
using NSec.Cryptography;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// A private Ed25519 key under a name. It signs deterministically (RFC 8032): the same text gives the same bytes.
/// </summary>
internal sealed class NoteSigner : IDisposable
{
    private readonly Key _key;

    private NoteSigner(string name, Key key)
    {
        _key = key;
        Verifier = new VerifierKey(name, SignatureType.Note, key.PublicKey.Export(KeyBlobFormat.RawPublicKey));
    }

    /// <summary>Who verifies it.</summary>
    public VerifierKey Verifier { get; }

    /// <summary>A new private key: PKCS#8 as PEM, as <c>openssl genpkey -algorithm ed25519</c> makes it.</summary>
    public static byte[] NewKey()
    {
        using var key = Key.Create(
            SignatureAlgorithm.Ed25519,
            new KeyCreationParameters { ExportPolicy = KeyExportPolicies.AllowPlaintextExport });
        return key.Export(KeyBlobFormat.PkixPrivateKeyText);
    }

    /// <exception cref="FormatException">
    /// The PEM has no Ed25519 private key, or the name cannot be a key's.
    /// </exception>
    public static NoteSigner Of(string name, ReadOnlySpan<byte> pem)
    {
        if (!Key.TryImport(SignatureAlgorithm.Ed25519, pem, KeyBlobFormat.PkixPrivateKeyText, out var key)
            || key is null)
            throw new FormatException("This is no Ed25519 private key in PEM (PKCS#8).");
        return new NoteSigner(name, key);
    }

    /// <summary>The Ed25519 signature of these bytes.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data) => SignatureAlgorithm.Ed25519.Sign(_key, data);

    /// <summary>The signature of a note's text.</summary>
    public NoteSignature Sign(string text) =>
        new(Verifier.Name, Verifier.Id, Sign(Encoding.UTF8.GetBytes(text)));

    public void Dispose() => _key.Dispose();
}

/// <summary>A signature line of a note.</summary>
/// <param name="Name">The key's name.</param>
/// <param name="KeyId">The key's id.</param>
/// <param name="Bytes">The signature after the key id: 64 bytes, or 72 of a cosignature.</param>
internal sealed record NoteSignature(string Name, uint KeyId, ReadOnlyMemory<byte> Bytes)
{
    public const int KeyIdSize = 4;

    /// <summary>The line without its newline.</summary>
    public override string ToString()
    {
        var bytes = new byte[KeyIdSize + Bytes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, KeyId);
        Bytes.Span.CopyTo(bytes.AsSpan(KeyIdSize));
        return $"{SignedNote.Dash}{Name} {Convert.ToBase64String(bytes)}";
    }

    /// <exception cref="FormatException">The line is malformed.</exception>
    public static NoteSignature Parse(string line)
    {
        if (!line.StartsWith(SignedNote.Dash, StringComparison.Ordinal))
            throw new FormatException("A signature line begins with an em dash and a space.");
        var (name, text) = TextLines.Pair(line[SignedNote.Dash.Length..]);
        var bytes = StrictBase64.Decode(text);
        if (!VerifierKey.IsName(name) || bytes.Length <= KeyIdSize)
            throw new FormatException("A signature line has a name, and a key id with a signature.");
        return new NoteSignature(name, BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes.AsMemory(KeyIdSize));
    }
}
