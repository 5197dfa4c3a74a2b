using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Turns events into the log's bytes and back, and links each to the one before it in its stream.
/// </summary>
/// <remarks>
/// Metadata is a JSON object whose last property is <c>hash</c>: SHA-256 over the previous hash and the length-prefixed type, event id, metadata
/// without that property, and payload. The registry of wire names is the only place where a type's name stands.
/// </remarks>
public interface IEventCodec
{
    /// <summary>The hash that the first event of a stream is linked to: 32 zero bytes.</summary>
    static ReadOnlyMemory<byte> FirstLink { get; } = new byte[32];

    /// <summary>Encodes an event.</summary>
    /// <param name="event">A domain event whose type has a wire name.</param>
    /// <param name="context">Who caused it, and when.</param>
    /// <param name="previousHash">The hash of the event before it in the stream; <see cref="FirstLink"/> for the first.</param>
    /// <returns>The bytes, and the event's own hash.</returns>
    (EventData Data, ReadOnlyMemory<byte> Hash) Encode(object @event, EventContext context, ReadOnlyMemory<byte> previousHash);

    /// <summary>Decodes an event, bringing an old version up to the newest.</summary>
    /// <exception cref="FormatException">The type is unknown or the bytes are not what it promises.</exception>
    Recorded Decode(StoredEvent stored);
}

/// <summary>Who caused an event, when, and as part of what.</summary>
/// <param name="EventId">The new event's id.</param>
/// <param name="CorrelationId">The request's trace id.</param>
/// <param name="CausationId">The event or command that led to it; null when the request did.</param>
public sealed record EventContext(Guid EventId, DateTimeOffset At, Actor Actor, string? CorrelationId, Guid? CausationId);
