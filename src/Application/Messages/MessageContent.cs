using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.Application.Messages;

/// <summary>What a sender wrote: the part of a message that is sealed.</summary>
public sealed record MessageContent
{
    public string? Text { get; init; }
    public JsonElement? MediaObject { get; init; }
    public JsonElement? Document { get; init; }
    public string? Ciphertext { get; init; }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, MessageContentJson.Default.MessageContent);

    public static MessageContent FromBytes(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, MessageContentJson.Default.MessageContent)
            ?? throw new FormatException("The content of a message is empty.");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(MessageContent))]
internal sealed partial class MessageContentJson : JsonSerializerContext;
