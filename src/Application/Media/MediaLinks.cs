using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Signs addresses of files for a limited time, under a key derived from the owner's secret: every node knows it, and
/// erasing the account destroys it. Requests within one period get the same address, so that edges can cache it.
/// </summary>
internal sealed class MediaLinks(IContentSealer sealer, IOptions<MediaOptions> options, TimeProvider clock)
{
    /// <summary>
    /// Separates these signatures from message fingerprints, which use the same key and start with a smaller byte.
    /// </summary>
    private const byte Domain = 0xf1;

    public async ValueTask<Uri> SignAsync(Uri elsewhere, MediaFile file, CancellationToken cancellationToken)
    {
        var lifetime = (long)options.Value.UrlLifetime.TotalSeconds;
        var expires = ((clock.GetUtcNow().ToUnixTimeSeconds() / lifetime) + 2) * lifetime;
        var signature = await SignatureAsync(file, expires, cancellationToken);
        return new Uri(string.Create(
            CultureInfo.InvariantCulture,
            $"{elsewhere.AbsoluteUri.TrimEnd('/')}/v1/media/content/{file.Id}"
            + $"?expires={expires}&signature={signature}"));
    }

    /// <returns>When the address expires, UTC; null if it is invalid or expired.</returns>
    public async ValueTask<DateTimeOffset?> CheckAsync(
        MediaFile file, string? expires, string? signature, CancellationToken cancellationToken)
    {
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until) || signature is null
            || until <= clock.GetUtcNow().ToUnixTimeSeconds() || until > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            return null;
        var right = await SignatureAsync(file, until, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(right), Encoding.UTF8.GetBytes(signature))
            ? DateTimeOffset.FromUnixTimeSeconds(until)
            : null;
    }

    private async ValueTask<string> SignatureAsync(MediaFile file, long expires, CancellationToken cancellationToken)
    {
        var signed = new byte[1 + 16 + sizeof(long)];
        signed[0] = Domain;
        file.Id.Value.TryWriteBytes(signed.AsSpan(1), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(signed.AsSpan(17), expires);
        var fingerprint = await sealer.FingerprintAsync(file.Owner, signed, cancellationToken);
        var tag = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(tag, fingerprint.Value);
        return Base64Url.EncodeToString(tag);
    }
}
