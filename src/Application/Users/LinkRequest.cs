using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>A new device's description of itself when it asks for a link; kept sealed.</summary>
/// <param name="PublicKey">Its key, for the payload; null for none. The server only passes it on.</param>
/// <param name="Address">The address that it asked from, as text.</param>
internal sealed record LinkRequest(string Name, string Platform, bool Ephemeral, string? PublicKey, string? Address)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, LinkRequestJson.Default.LinkRequest);

    public static LinkRequest FromBytes(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, LinkRequestJson.Default.LinkRequest)
        ?? throw new FormatException("The request of a device link is empty.");
}

[JsonSerializable(typeof(LinkRequest))]
internal sealed partial class LinkRequestJson : JsonSerializerContext;

/// <summary>Seals what belongs to a link under the server's secret, in a bucket that ends with it.</summary>
internal sealed class LinkSeal(AccountSecrets secrets)
{
    public ValueTask<SealedContent> SealAsync(
        Guid link, DateTimeOffset expiresAt, LinkRequest request, CancellationToken cancellationToken) =>
        secrets.SealAsync(link, expiresAt, request.ToBytes(), cancellationToken);

    public ValueTask<SealedContent> SealAsync(
        Guid link, DateTimeOffset expiresAt, SignedIn answer, CancellationToken cancellationToken) =>
        secrets.SealAsync(link, expiresAt, answer.ToBytes(), cancellationToken);

    /// <returns>Null if it was shredded.</returns>
    public async ValueTask<LinkRequest?> OpenRequestAsync(
        Guid link, DateTimeOffset expiresAt, SealedContent content, CancellationToken cancellationToken) =>
        await secrets.OpenAsync(link, expiresAt, content, cancellationToken) is { } bytes
            ? LinkRequest.FromBytes(bytes.Span)
            : null;

    /// <inheritdoc cref="OpenRequestAsync"/>
    public async ValueTask<SignedIn?> OpenAnswerAsync(
        Guid link, DateTimeOffset expiresAt, SealedContent content, CancellationToken cancellationToken) =>
        await secrets.OpenAsync(link, expiresAt, content, cancellationToken) is { } bytes
            ? SignedIn.FromBytes(bytes.Span)
            : null;
}
