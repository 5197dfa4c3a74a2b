using System.Buffers;
using System.Globalization;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Serialization;

/// <summary>Encodes events and their metadata as JSON, linked by <see cref="EventChain"/>.</summary>
public sealed class EventCodec : IEventCodec
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    public (EventData Data, ReadOnlyMemory<byte> Hash) Encode(
        object @event, EventContext context, ReadOnlyMemory<byte> previousHash)
    {
        var format = EventRegistry.Of(@event.GetType());
        var payload = format.Write!(@event);
        var (metadata, hash) = EventChain.Link(
            previousHash.Span, format.Name, context.EventId, Metadata(context, previousHash.Span), payload);
        return (new EventData(context.EventId, format.Name, payload, metadata), hash);
    }

    public bool IsLinked(StoredEvent stored, ReadOnlyMemory<byte> previousHash) =>
        EventChain.Holds(previousHash.Span, stored);

    public ReadOnlyMemory<byte> HashOf(StoredEvent stored) => EventChain.HashOf(stored.Metadata.Span);

    public Recorded Decode(StoredEvent stored)
    {
        try
        {
            var (at, actor) = ReadMetadata(stored.Metadata.Span);
            var @event = EventRegistry.Of(stored.Type).Read(stored.Payload, at);
            return new Recorded(
                @event, stored.Stream, stored.Revision, stored.Position, stored.EventId, at, actor,
                EventChain.HashOf(stored.Metadata.Span));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or OverflowException)
        {
            throw new FormatException(
                $"{stored.Type} at {stored.Stream}, {stored.Revision} cannot be read.", exception);
        }
    }

    public Type? TypeOf(string wireName) => EventRegistry.Find(wireName)?.Event;

    private static ReadOnlySpan<byte> Metadata(EventContext context, ReadOnlySpan<byte> previousHash)
    {
        var buffer = _buffer ??= new ArrayBufferWriter<byte>(512);
        buffer.ResetWrittenCount();
        var writer = _writer ??= new Utf8JsonWriter(buffer);
        writer.Reset(buffer);
        Span<byte> time = stackalloc byte[24];
        context.At.UtcDateTime.TryFormat(time, out var length, TimeFormat, CultureInfo.InvariantCulture);

        writer.WriteStartObject();
        writer.WriteString("occurred_at"u8, time[..length]);
        if (context.Actor.User is { } user)
            writer.WriteString("user"u8, user.Value);
        if (context.Actor.Device is { } device)
            writer.WriteString("device"u8, device.Value);
        if (context.CorrelationId is { } correlation)
            writer.WriteString("correlation_id"u8, correlation);
        if (context.CausationId is { } causation)
            writer.WriteString("causation_id"u8, causation);
        writer.WriteBase64String("prev_hash"u8, previousHash);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan;
    }

    private static (DateTimeOffset At, Actor Actor) ReadMetadata(ReadOnlySpan<byte> metadata)
    {
        var reader = new Utf8JsonReader(metadata);
        DateTimeOffset? at = null;
        UserId? user = null;
        DeviceId? device = null;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            if (reader.ValueTextEquals("occurred_at"u8) && reader.Read())
                at = reader.GetDateTimeOffset();
            else if (reader.ValueTextEquals("user"u8) && reader.Read())
                user = new UserId(reader.GetGuid());
            else if (reader.ValueTextEquals("device"u8) && reader.Read())
                device = new DeviceId(reader.GetGuid());
        }

        var occurredAt = at ?? throw new FormatException("The metadata does not say when the event happened.");
        return (occurredAt, new Actor(user, device));
    }
}
