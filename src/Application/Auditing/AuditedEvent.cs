using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Auditing;

/// <summary>An event as the log holds it; content is sealed.</summary>
/// <param name="Seq">The revision in its stream.</param>
/// <param name="Type">The wire name.</param>
/// <param name="OccurredAt">The server's word for when it happened; null where the metadata do not say.</param>
/// <param name="PrevHash">In base64: the hash of the event before it, as its metadata say.</param>
/// <param name="Hash">In base64: its own hash, as its metadata say.</param>
/// <param name="Metadata">Null where the bytes are no JSON.</param>
/// <param name="Payload">Null where the bytes are no JSON.</param>
/// <param name="Raw">The exact bytes, which the hash was made of, as texts of UTF-8.</param>
public sealed record AuditedEvent(
    long Seq, string Type, Guid EventId, DateTimeOffset? OccurredAt, string? PrevHash, string? Hash,
    JsonElement? Metadata, JsonElement? Payload, RawEvent Raw)
{
    public static AuditedEvent Of(StoredEvent stored)
    {
        var metadata = Parse(stored.Metadata);
        DateTimeOffset? occurredAt = Rfc3339.TryParse(Text(metadata, "occurred_at"), out var time) ? time : null;
        return new AuditedEvent(
            stored.Revision, stored.Type, stored.EventId, occurredAt, Text(metadata, "prev_hash"),
            Text(metadata, "hash"), metadata, Parse(stored.Payload),
            new RawEvent(Encoding.UTF8.GetString(stored.Metadata.Span), Encoding.UTF8.GetString(stored.Payload.Span)));
    }

    private static JsonElement? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null; // Somebody has changed the bytes: they are shown as they are.
        }
    }

    private static string? Text(JsonElement? metadata, string name) =>
        metadata is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}

/// <summary>The exact bytes of an event, as texts.</summary>
public sealed record RawEvent(string Metadata, string Payload);
