using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Makes and recognises refresh tokens: device id, 256 random bits, and 128 bits of a keyed hash over both. So a token
/// used long ago is still recognised, although only the hash of a device's latest token is stored.
/// </summary>
internal sealed class RefreshTokens(AccountSecrets secrets)
{
    private const int DeviceSize = 16;
    private const int SecretSize = 32;
    private const int TagSize = 16;
    private const int BodySize = DeviceSize + SecretSize;
    private const int TokenSize = BodySize + TagSize;

    public async ValueTask<(string Token, byte[] Hash)> MakeAsync(DeviceId device, CancellationToken cancellationToken)
    {
        var token = new byte[TokenSize];
        device.Value.TryWriteBytes(token, bigEndian: true, out _);
        RandomNumberGenerator.Fill(token.AsSpan(DeviceSize, SecretSize));
        await WriteTagAsync(token.AsMemory(0, BodySize), token.AsMemory(BodySize), cancellationToken);
        return (Base64Url.EncodeToString(token), SHA256.HashData(token));
    }

    /// <returns>Null if this server did not issue the token.</returns>
    public async ValueTask<(DeviceId Device, byte[] Hash)?> ReadAsync(string text, CancellationToken cancellationToken)
    {
        var token = new byte[TokenSize];
        if (text.Length != Base64Url.GetEncodedLength(TokenSize)
            || !Base64Url.TryDecodeFromChars(text, token, out var written) || written != TokenSize)
            return null;
        var tag = new byte[TagSize];
        await WriteTagAsync(token.AsMemory(0, BodySize), tag, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(tag, token.AsSpan(BodySize))
            ? (new DeviceId(new Guid(token.AsSpan(0, DeviceSize), bigEndian: true)), SHA256.HashData(token))
            : null;
    }

    private async ValueTask WriteTagAsync(
        ReadOnlyMemory<byte> body, Memory<byte> tag, CancellationToken cancellationToken)
    {
        var hash = await secrets.RefreshTokenAsync(body, cancellationToken);
        BinaryPrimitives.WriteUInt128BigEndian(tag.Span, hash.Value);
    }
}
