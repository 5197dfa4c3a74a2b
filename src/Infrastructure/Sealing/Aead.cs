using System.Security.Cryptography;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits: nonce, ciphertext, tag.</summary>
internal static class Aead
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    public static byte[] Seal(AesGcm key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> associated)
    {
        var sealedBytes = new byte[NonceSize + plain.Length + TagSize];
        var nonce = sealedBytes.AsSpan(0, NonceSize);
        Nonces.Fill(nonce);
        key.Encrypt(nonce, plain, sealedBytes.AsSpan(NonceSize, plain.Length), sealedBytes.AsSpan(NonceSize + plain.Length), associated);
        return sealedBytes;
    }

    /// <exception cref="CryptographicException">The bytes were tampered with, or belong to something else.</exception>
    public static byte[] Open(AesGcm key, ReadOnlySpan<byte> sealedBytes, ReadOnlySpan<byte> associated)
    {
        if (sealedBytes.Length < NonceSize + TagSize)
            throw new CryptographicException("Sealed content is too short.");
        var plain = new byte[sealedBytes.Length - NonceSize - TagSize];
        key.Decrypt(sealedBytes[..NonceSize], sealedBytes.Slice(NonceSize, plain.Length), sealedBytes[^TagSize..], plain, associated);
        return plain;
    }

    public static AesGcm Key(ReadOnlySpan<byte> key) => new(key, TagSize);
}
