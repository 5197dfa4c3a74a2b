using System.Security.Cryptography;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// Random nonces, drawn in bulk: one call of the system's generator costs more than sealing a message.
/// </summary>
internal static class Nonces
{
    private const int DrawnAtOnce = 64;

    [ThreadStatic]
    private static byte[]? _drawn;

    [ThreadStatic]
    private static int _used;

    /// <summary>Fills a nonce with random bytes that are never used again.</summary>
    public static void Fill(Span<byte> nonce)
    {
        if (_drawn is null || _used + nonce.Length > _drawn.Length)
        {
            _drawn ??= new byte[DrawnAtOnce * nonce.Length];
            RandomNumberGenerator.Fill(_drawn);
            _used = 0;
        }

        _drawn.AsSpan(_used, nonce.Length).CopyTo(nonce);
        _used += nonce.Length;
    }
}
