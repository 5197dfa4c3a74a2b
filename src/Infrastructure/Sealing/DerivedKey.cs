using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The keys derived from a set of secrets (HKDF with SHA-256, RFC 5869): one to seal content, one to fingerprint it.
/// A lock serialises operations: <see cref="AesGcm"/> keeps state.
/// </summary>
internal sealed class DerivedKey
{
    private const int KeySize = 32;

    private readonly Lock _lock = new();
    private readonly AesGcm _cipher;
    private readonly byte[] _fingerprintKey;

    private DerivedKey(ReadOnlySpan<byte> contentKey, byte[] fingerprintKey)
    {
        _cipher = Aead.Key(contentKey);
        _fingerprintKey = fingerprintKey;
    }

    /// <param name="names">The secrets' names, which are the HKDF info.</param>
    /// <param name="secrets">The secrets by name, for all <paramref name="names"/>.</param>
    public static DerivedKey From(IReadOnlyList<string> names, IReadOnlyDictionary<string, byte[]> secrets)
    {
        var derived = Derive(names, secrets);
        var key = new DerivedKey(derived.AsSpan(0, KeySize), derived[KeySize..]);
        CryptographicOperations.ZeroMemory(derived);
        return key;
    }

    private static byte[] Derive(IReadOnlyList<string> names, IReadOnlyDictionary<string, byte[]> secrets)
    {
        var material = names.SelectMany(name => secrets[name]).ToArray();
        var info = Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', names));
        var derived = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 2 * KeySize, salt: null, info);
        CryptographicOperations.ZeroMemory(material);
        return derived;
    }

    /// <summary>The key that seals content, 32 bytes; for escrow.</summary>
    public static byte[] ContentKeyOf(IReadOnlyList<string> names, IReadOnlyDictionary<string, byte[]> secrets)
    {
        var derived = Derive(names, secrets);
        var key = derived[..KeySize];
        CryptographicOperations.ZeroMemory(derived);
        return key;
    }

    public byte[] Seal(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> associated)
    {
        lock (_lock)
            return Aead.Seal(_cipher, plain, associated);
    }

    public byte[] Open(ReadOnlySpan<byte> sealedBytes, ReadOnlySpan<byte> associated)
    {
        lock (_lock)
            return Aead.Open(_cipher, sealedBytes, associated);
    }

    /// <summary>HMAC-SHA256, cut to its first 128 bits.</summary>
    public UInt128 Fingerprint(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_fingerprintKey, content, hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}
