using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.Application.Push;

/// <summary>All that a push says.</summary>
public sealed record PushPayload(long Unread, Guid ConversationId)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, PushPayloadJson.Default.PushPayload);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PushPayload))]
internal sealed partial class PushPayloadJson : JsonSerializerContext;
