using System.Security.Cryptography;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. Sealed bytes are the nonce, the ciphertext and the tag.
/// </summary>
internal static class Aead
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    public static byte[] Seal(AesGcm key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> associated)
    {
        var sealedBytes = new byte[NonceSize + plain.Length + TagSize];
        var nonce = sealedBytes.AsSpan(0, NonceSize);
        Nonces.Fill(nonce);
        var ciphertext = sealedBytes.AsSpan(NonceSize, plain.Length);
        key.Encrypt(nonce, plain, ciphertext, sealedBytes.AsSpan(NonceSize + plain.Length), associated);
        return sealedBytes;
    }

    /// <exception cref="CryptographicException">The bytes were altered or belong to another key or context.</exception>
    public static byte[] Open(AesGcm key, ReadOnlySpan<byte> sealedBytes, ReadOnlySpan<byte> associated)
    {
        if (sealedBytes.Length < NonceSize + TagSize)
            throw new CryptographicException("Sealed content is too short.");
        var plain = new byte[sealedBytes.Length - NonceSize - TagSize];
        var ciphertext = sealedBytes.Slice(NonceSize, plain.Length);
        key.Decrypt(sealedBytes[..NonceSize], ciphertext, sealedBytes[^TagSize..], plain, associated);
        return plain;
    }

    public static AesGcm Key(ReadOnlySpan<byte> key) => new(key, TagSize);
}
