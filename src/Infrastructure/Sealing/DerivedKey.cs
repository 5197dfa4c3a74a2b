using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// What is derived from a set of secrets (HKDF with SHA-256, RFC 5869): a key to seal content, one to fingerprint it,
/// and the commitment that sealed content carries. A lock serialises operations: <see cref="AesGcm"/> keeps state.
/// </summary>
internal sealed class DerivedKey
{
    private const int KeySize = 32;

    private readonly Lock _lock = new();
    private readonly AesGcm _cipher;
    private readonly byte[] _fingerprintKey;

    private DerivedKey(ReadOnlySpan<byte> contentKey, byte[] fingerprintKey, byte[] commit)
    {
        _cipher = Aead.Key(contentKey);
        _fingerprintKey = fingerprintKey;
        Commit = commit;
    }

    /// <summary>
    /// Names the key without telling anything of it, 32 bytes. Key and commitment follow from the same root key, so
    /// whoever found another key to the same commitment would have a collision of SHA-256.
    /// </summary>
    public ReadOnlyMemory<byte> Commit { get; }

    /// <param name="names">The secrets' names, which are the HKDF info.</param>
    /// <param name="secrets">The secrets by name, for all <paramref name="names"/>.</param>
    public static DerivedKey From(IReadOnlyList<string> names, IReadOnlyDictionary<string, byte[]> secrets)
    {
        var root = RootOf(names, secrets);
        var key = From(names, root);
        CryptographicOperations.ZeroMemory(root);
        return key;
    }

    /// <param name="names">As in the other overload.</param>
    /// <param name="root">What <see cref="RootOf"/> gave.</param>
    public static DerivedKey From(IReadOnlyList<string> names, ReadOnlySpan<byte> root)
    {
        var info = Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', names));
        Span<byte> derived = stackalloc byte[3 * KeySize];
        HKDF.Expand(HashAlgorithmName.SHA256, root, derived, info);
        var key = new DerivedKey(
            derived[..KeySize], derived.Slice(KeySize, KeySize).ToArray(), derived[(2 * KeySize)..].ToArray());
        CryptographicOperations.ZeroMemory(derived);
        return key;
    }

    /// <summary>The pseudorandom key of HKDF, 32 bytes, from which all the others follow; for escrow.</summary>
    public static byte[] RootOf(IReadOnlyList<string> names, IReadOnlyDictionary<string, byte[]> secrets)
    {
        var material = names.SelectMany(name => secrets[name]).ToArray();
        var root = HKDF.Extract(HashAlgorithmName.SHA256, material);
        CryptographicOperations.ZeroMemory(material);
        return root;
    }

    /// <summary>Checks that content was sealed with this key.</summary>
    /// <param name="commit">The content's commitment; null for content without one.</param>
    /// <exception cref="CryptographicException">It is another key's.</exception>
    public void Check(ReadOnlyMemory<byte>? commit)
    {
        if (commit is { } named && !CryptographicOperations.FixedTimeEquals(named.Span, Commit.Span))
            throw new CryptographicException("The content was sealed with another key than this one.");
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
