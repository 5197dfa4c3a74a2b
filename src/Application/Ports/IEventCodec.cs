using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Encodes events into the log's bytes and back, and links each event to its predecessor in the stream by a hash.
/// </summary>
/// <remarks>
/// Metadata is a JSON object whose last property is <c>hash</c>: SHA-256 over the previous hash and the length-prefixed
/// type, event id, metadata without that property, and payload. Wire names of types stand in one registry only.
/// </remarks>
public interface IEventCodec
{
    /// <summary>The previous hash of a stream's first event: 32 zero bytes.</summary>
    static ReadOnlyMemory<byte> FirstLink { get; } = new byte[32];

    /// <summary>Encodes an event.</summary>
    /// <param name="event">A domain event whose type has a wire name.</param>
    /// <param name="context">The event's id, cause and time.</param>
    /// <param name="previousHash">The predecessor's hash; <see cref="FirstLink"/> for the first event.</param>
    /// <returns>The encoded event and its hash.</returns>
    (EventData Data, ReadOnlyMemory<byte> Hash) Encode(
        object @event, EventContext context, ReadOnlyMemory<byte> previousHash);

    /// <summary>Whether an event, byte for byte, was linked to the event with the given hash.</summary>
    bool IsLinked(StoredEvent stored, ReadOnlyMemory<byte> previousHash);

    /// <summary>The hash of an event, as its metadata say.</summary>
    ReadOnlyMemory<byte> HashOf(StoredEvent stored);

    /// <summary>Decodes an event. Upgrades old versions to the newest.</summary>
    /// <exception cref="FormatException">The type is unknown, or the bytes do not fit it.</exception>
    Recorded Decode(StoredEvent stored);

    /// <summary>The domain's type of an event; null for a wire name that this node does not know.</summary>
    Type? TypeOf(string wireName);
}

/// <summary>The id, time and cause of an event to encode.</summary>
/// <param name="EventId">The new event's id.</param>
/// <param name="CorrelationId">The request's trace id.</param>
/// <param name="CausationId">The causing event or command; null if it was the request.</param>
public sealed record EventContext(
    Guid EventId, DateTimeOffset At, Actor Actor, string? CorrelationId, Guid? CausationId);
