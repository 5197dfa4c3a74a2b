using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>A subscription's address. It is sealed, because whoever knows it can wake the device.</summary>
/// <param name="Endpoint">The URL at a browser's push service.</param>
/// <param name="P256dh">The browser's public key: 65 bytes in base64url.</param>
/// <param name="Auth">The browser's secret: 16 bytes in base64url.</param>
/// <param name="Token">The device's token at FCM or APNs.</param>
/// <param name="Topic">The application's id at APNs.</param>
public sealed record PushTarget(string? Endpoint, string? P256dh, string? Auth, string? Token, string? Topic)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, PushTargetJson.Default.PushTarget);

    public static PushTarget FromBytes(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, PushTargetJson.Default.PushTarget)
            ?? throw new FormatException("The target of a push subscription is empty.");

    /// <summary>A SHA-256 hash, equal for equal addresses.</summary>
    public byte[] AddressHash(string platform) =>
        SHA256.HashData(Encoding.UTF8.GetBytes($"{platform}\n{Endpoint ?? Token}\n{Topic}"));

    /// <summary>A SHA-256 hash of the address and the browser's secret; null where there is no secret.</summary>
    public byte[]? SecretHash() => Decode(Auth) is { } secret
        ? SHA256.HashData([.. Encoding.UTF8.GetBytes($"{Endpoint}\n"), .. secret])
        : null;

    /// <summary>Decodes base64url or base64, with or without padding; null if it is neither.</summary>
    public static byte[]? Decode(string? text)
    {
        if (text is null)
            return null;
        var url = text.TrimEnd('=').Replace('+', '-').Replace('/', '_');
        return Base64Url.IsValid(url) ? Base64Url.DecodeFromChars(url) : null;
    }

    internal static SealScope ScopeOf(UserId owner) => new(null, owner, null, null);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PushTarget))]
internal sealed partial class PushTargetJson : JsonSerializerContext;
