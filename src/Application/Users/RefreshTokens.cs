using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Makes and recognises refresh tokens: device id, 256 secret bits, and 128 bits of a keyed hash over both. So a token
/// used long ago is still recognised, although only the hash of a device's latest token is stored. The secret bits of
/// the first token are random, those of each other one follow from its predecessor, so that every node gives the same
/// successor. See docs/adr/0025-refresh-tokens-again.md.
/// </summary>
internal sealed class RefreshTokens(AccountSecrets secrets)
{
    private const int DeviceSize = 16;
    private const int SecretSize = 32;
    private const int TagSize = 16;
    private const int BodySize = DeviceSize + SecretSize;
    private const int TokenSize = BodySize + TagSize;

    /// <summary>Makes a device's first token.</summary>
    public ValueTask<RefreshToken> MakeAsync(DeviceId device, CancellationToken cancellationToken) =>
        OfAsync(device, RandomNumberGenerator.GetBytes(SecretSize), cancellationToken);

    /// <summary>Makes the token that follows another one: always the same.</summary>
    public async ValueTask<RefreshToken> SuccessorAsync(RefreshToken token, CancellationToken cancellationToken) =>
        await OfAsync(
            token.Device, await secrets.SuccessorAsync(Base64Url.DecodeFromChars(token.Text), cancellationToken),
            cancellationToken);

    /// <returns>Null if this server did not issue the token.</returns>
    public async ValueTask<RefreshToken?> ReadAsync(string text, CancellationToken cancellationToken)
    {
        var token = new byte[TokenSize];
        if (text.Length != Base64Url.GetEncodedLength(TokenSize)
            || !Base64Url.TryDecodeFromChars(text, token, out var written) || written != TokenSize)
            return null;
        var tag = new byte[TagSize];
        await WriteTagAsync(token.AsMemory(0, BodySize), tag, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(tag, token.AsSpan(BodySize))
            ? new RefreshToken(
                new DeviceId(new Guid(token.AsSpan(0, DeviceSize), bigEndian: true)), text, SHA256.HashData(token))
            : null;
    }

    private async ValueTask<RefreshToken> OfAsync(
        DeviceId device, byte[] secret, CancellationToken cancellationToken)
    {
        var token = new byte[TokenSize];
        device.Value.TryWriteBytes(token, bigEndian: true, out _);
        secret.CopyTo(token, DeviceSize);
        await WriteTagAsync(token.AsMemory(0, BodySize), token.AsMemory(BodySize), cancellationToken);
        return new RefreshToken(device, Base64Url.EncodeToString(token), SHA256.HashData(token));
    }

    private async ValueTask WriteTagAsync(
        ReadOnlyMemory<byte> body, Memory<byte> tag, CancellationToken cancellationToken)
    {
        var hash = await secrets.RefreshTokenAsync(body, cancellationToken);
        BinaryPrimitives.WriteUInt128BigEndian(tag.Span, hash.Value);
    }
}

/// <summary>A refresh token of this server's making.</summary>
/// <param name="Text">In base64url (RFC 4648, section 5).</param>
/// <param name="Hash">Its SHA-256, which is what the database holds.</param>
internal sealed record RefreshToken(DeviceId Device, string Text, byte[] Hash);
