using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Messages;

/// <summary>The sealed part of a message: what its sender wrote.</summary>
public sealed record MessageContent
{
    public string? Text { get; init; }
    public JsonElement? MediaObject { get; init; }
    public JsonElement? Document { get; init; }
    public string? Ciphertext { get; init; }

    /// <summary>
    /// From this many bytes on, JSON escapes only what it must. Smaller contents keep the default escaping, because
    /// fingerprints of texts hash these bytes and a retry must produce the same ones.
    /// </summary>
    private const int PlainFrom = 700_000;

    private static readonly MessageContentJson Relaxed = new(
        new JsonSerializerOptions(MessageContentJson.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });

    /// <summary>JSON as it is stored: attachments in the form that the client gave them.</summary>
    public byte[] ToBytes()
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(this, MessageContentJson.Default.MessageContent);
        return bytes.Length < PlainFrom ? bytes : JsonSerializer.SerializeToUtf8Bytes(this, Relaxed.MessageContent);
    }

    /// <summary>
    /// What distinguishes a retry from a reused id: equal for equal values, however attachments are spelled. Without
    /// attachments these are the stored bytes (<see cref="ToBytes"/>).
    /// </summary>
    /// <param name="stored">The content's <see cref="ToBytes"/>.</param>
    public byte[] ToCanonicalBytes(byte[] stored) => MediaObject is null && Document is null
        ? stored
        : CanonicalJson.ToBytes(JsonSerializer.SerializeToElement(this, MessageContentJson.Default.MessageContent));

    /// <summary>The bytes that identify a message under its id: type, reply and content.</summary>
    public static byte[] Identity(MessageType type, MessageId? replyTo, byte[] content)
    {
        var bytes = new byte[17 + content.Length];
        bytes[0] = (byte)type;
        (replyTo?.Value ?? Guid.Empty).TryWriteBytes(bytes.AsSpan(1));
        content.CopyTo(bytes.AsSpan(17));
        return bytes;
    }

    public static MessageContent FromBytes(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, MessageContentJson.Default.MessageContent)
            ?? throw new FormatException("The content of a message is empty.");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(MessageContent))]
internal sealed partial class MessageContentJson : JsonSerializerContext;
