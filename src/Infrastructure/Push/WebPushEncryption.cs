using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Encrypts a push message for one browser (RFC 8291) with the content coding aes128gcm (RFC 8188): a single record,
/// under a key of its own.
/// </summary>
internal static class WebPushEncryption
{
    public const string Coding = "aes128gcm";

    private const int SaltSize = 16, PointSize = 65, KeySize = 16, NonceSize = 12, TagSize = 16, SecretSize = 32;

    /// <summary>The record size in the header (RFC 8188, section 2.1); messages are far smaller.</summary>
    private const uint RecordSize = 4096;

    /// <summary>The delimiter of the last record (RFC 8188, section 2).</summary>
    private const byte LastRecord = 2;

    /// <param name="receiver">The browser's public key, an uncompressed point.</param>
    /// <param name="secret">The browser's authentication secret.</param>
    /// <returns>The body of the request.</returns>
    public static byte[] Encrypt(ReadOnlySpan<byte> plaintext, byte[] receiver, byte[] secret)
    {
        using var sender = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        return Encrypt(plaintext, receiver, secret, sender, RandomNumberGenerator.GetBytes(SaltSize));
    }

    /// <inheritdoc cref="Encrypt(ReadOnlySpan{byte}, byte[], byte[])"/>
    /// <param name="sender">A key pair for this message only.</param>
    internal static byte[] Encrypt(
        ReadOnlySpan<byte> plaintext, byte[] receiver, byte[] secret, ECDiffieHellman sender, byte[] salt)
    {
        var senderPoint = PointOf(sender);
        using var receiverKey = ECDiffieHellman.Create(ParametersOf(receiver));
        var shared = sender.DeriveRawSecretAgreement(receiverKey.PublicKey);
        var input = Derive(shared, SecretSize, secret, [.. "WebPush: info\0"u8, .. receiver, .. senderPoint]);
        var key = Derive(input, KeySize, salt, [.. "Content-Encoding: aes128gcm\0"u8]);
        var nonce = Derive(input, NonceSize, salt, [.. "Content-Encoding: nonce\0"u8]);

        const int headerSize = SaltSize + sizeof(uint) + 1 + PointSize;
        var body = new byte[headerSize + plaintext.Length + 1 + TagSize];
        salt.CopyTo(body, 0);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(SaltSize), RecordSize);
        body[SaltSize + sizeof(uint)] = PointSize;
        senderPoint.CopyTo(body, SaltSize + sizeof(uint) + 1);

        byte[] record = [.. plaintext, LastRecord];
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(nonce, record, body.AsSpan(headerSize, record.Length), body.AsSpan(headerSize + record.Length));
        return body;
    }

    public static byte[] PointOf(ECAlgorithm key)
    {
        var q = key.ExportParameters(includePrivateParameters: false).Q;
        return [4, .. q.X!, .. q.Y!];
    }

    private static byte[] Derive(byte[] input, int size, byte[] salt, byte[] info) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, input, size, salt, info);

    private static ECParameters ParametersOf(byte[] point) => new()
    {
        Curve = ECCurve.NamedCurves.nistP256,
        Q = new ECPoint { X = point[1..33], Y = point[33..] },
    };
}
