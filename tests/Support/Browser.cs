using System.Buffers.Text;
using System.Security.Cryptography;

namespace ChatCqrs.Testing;

/// <summary>
/// A browser's side of Web Push: its keys, and decryption of messages (RFC 8291, RFC 8188). Shares no code with the
/// server.
/// </summary>
public sealed class Browser : IDisposable
{
    private readonly ECDiffieHellman _key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(16);

    public string P256dh => Base64Url.EncodeToString(Point);

    public string Auth => Base64Url.EncodeToString(_secret);

    /// <summary>The private key in base64url, as Node.js takes it.</summary>
    public string PrivateKey => Base64Url.EncodeToString(_key.ExportParameters(includePrivateParameters: true).D!);

    private byte[] Point =>
        _key.ExportParameters(includePrivateParameters: false).Q is var q ? [4, .. q.X!, .. q.Y!] : [];

    /// <exception cref="CryptographicException">The body was not encrypted for this browser.</exception>
    public byte[] Read(byte[] body)
    {
        var (salt, sender, record) = (body[..16], body[21..86], body[86..]);
        using var other = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = sender[1..33], Y = sender[33..] },
        });
        var pseudo = Mac(_secret, _key.DeriveRawSecretAgreement(other.PublicKey));
        var input = Mac(pseudo, [.. "WebPush: info\0"u8, .. Point, .. sender, 1]);
        var derived = Mac(salt, input);
        var key = Mac(derived, [.. "Content-Encoding: aes128gcm\0"u8, 1])[..16];
        var nonce = Mac(derived, [.. "Content-Encoding: nonce\0"u8, 1])[..12];
        var plain = new byte[record.Length - 16];
        using var aes = new AesGcm(key, 16);
        aes.Decrypt(nonce, record.AsSpan(..^16), record.AsSpan(^16..), plain);
        var end = Array.LastIndexOf(plain, (byte)2);
        return plain[..end];
    }

    private static byte[] Mac(byte[] key, byte[] message) => HMACSHA256.HashData(key, message);

    public void Dispose() => _key.Dispose();
}
