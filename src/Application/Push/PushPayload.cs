using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.Application.Push;

/// <summary>The payload of a push notification.</summary>
/// <param name="Unread">The number of unread messages.</param>
/// <param name="ConversationId">The conversation with the latest undelivered message.</param>
public sealed record PushPayload(long Unread, Guid ConversationId)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, PushPayloadJson.Default.PushPayload);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PushPayload))]
internal sealed partial class PushPayloadJson : JsonSerializerContext;
