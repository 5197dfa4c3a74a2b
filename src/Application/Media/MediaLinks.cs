using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Signs addresses of files for a limited time, under a key derived from the owner's secret: every node knows it, a
/// rotation of master keys does not change it, and erasing the account destroys it. Requests within one period get the
/// same address, so that edges can cache it.
/// </summary>
internal sealed class MediaLinks(
    IContentSealer sealer, MediaAccess access, IOptions<MediaOptions> options, TimeProvider clock)
{
    /// <summary>
    /// Separates these signatures from message fingerprints, which use the same key and start with a smaller byte.
    /// </summary>
    private const byte Domain = 0xf1;

    private const int TagSize = 16;

    /// <returns>Null while the owner's account is being erased: then nothing opens the file any more.</returns>
    public async ValueTask<SignedLink?> SignAsync(Uri server, OpenFile file, CancellationToken cancellationToken)
    {
        var lifetime = (long)options.Value.UrlLifetime.TotalSeconds;
        var expires = ((clock.GetUtcNow().ToUnixTimeSeconds() / lifetime) + 2) * lifetime;
        if (await SignatureAsync(file, expires, cancellationToken) is not { } signed)
            return null;
        var signature = Base64Url.EncodeToString(signed);
        var address = new Uri(string.Create(
            CultureInfo.InvariantCulture,
            $"{server.AbsoluteUri.TrimEnd('/')}/v1/media/content/{file.File.Id}"
            + $"?expires={expires}&signature={signature}"));
        return new SignedLink(address, DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <returns>When the address expires, UTC.</returns>
    /// <exception cref="RefusedException">
    /// The address was not made here, has expired, or its reason has ended (<see cref="MediaAccess.IsOpenAsync"/>).
    /// </exception>
    public async ValueTask<DateTimeOffset> RequireAsync(
        MediaFile file, string? expires, string? signature, CancellationToken cancellationToken)
    {
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until <= clock.GetUtcNow().ToUnixTimeSeconds() || until > DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            || Decode(signature) is not { } given)
            throw new RefusedException(Refusal.LinkInvalid);
        var open = new OpenFile(file, (AccessBy)given[0]);
        var right = await SignatureAsync(open, until, cancellationToken);
        return right is not null && CryptographicOperations.FixedTimeEquals(right, given)
            && await access.IsOpenAsync(open, cancellationToken)
            ? DateTimeOffset.FromUnixTimeSeconds(until)
            : throw new RefusedException(Refusal.LinkInvalid);
    }

    /// <returns>
    /// The reason in the first byte, and an HMAC over it, the file and the time; 17 bytes. Null if the owner's secret
    /// is shredded.
    /// </returns>
    private async ValueTask<byte[]?> SignatureAsync(OpenFile file, long expires, CancellationToken cancellationToken)
    {
        var signed = new byte[1 + 16 + sizeof(long) + 1];
        signed[0] = Domain;
        file.File.Id.Value.TryWriteBytes(signed.AsSpan(1), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(signed.AsSpan(17), expires);
        signed[25] = (byte)file.By;
        try
        {
            var fingerprint = await sealer.FingerprintAsync(file.File.Owner, signed, cancellationToken);
            var signature = new byte[1 + TagSize];
            signature[0] = (byte)file.By;
            BinaryPrimitives.WriteUInt128BigEndian(signature.AsSpan(1), fingerprint.Value);
            return signature;
        }
        catch (RefusedException refused) when (refused.Refusal == Refusal.Erased)
        {
            return null;
        }
    }

    private static byte[]? Decode(string? signature)
    {
        if (signature is null || !Base64Url.IsValid(signature, out var size) || size != 1 + TagSize)
            return null;
        return Base64Url.DecodeFromChars(signature);
    }
}

/// <param name="ExpiresAt">UTC.</param>
internal sealed record SignedLink(Uri Address, DateTimeOffset ExpiresAt);
