namespace ChatCqrs.Domain;

/// <summary>Who caused an event: a user on a device, or nobody for what the clock caused.</summary>
public readonly record struct Actor(UserId? User, DeviceId? Device)
{
    public static readonly Actor System;
}

/// <summary>
/// An event as the log holds it, read back: the fact itself and where, when, by whom and under which hash it was recorded.
/// </summary>
/// <param name="Event">A <c>ConversationEvent</c>, <c>ReceiptEvent</c> or <c>UserEvent</c>.</param>
/// <param name="Stream">The stream's name, see <see cref="StreamName"/>.</param>
/// <param name="Revision">The event's number in its stream, from 0, without a gap. In a conversation's stream it is the entry's seq.</param>
/// <param name="Position">The event's place in the whole log.</param>
/// <param name="EventId">Unique; the same event appended again has the same id.</param>
/// <param name="At">When the server decided it, UTC, to the millisecond.</param>
/// <param name="Actor">Who caused it.</param>
/// <param name="Hash">SHA-256 over the previous event's hash in the stream and this event's bytes.</param>
public sealed record Recorded(
    object Event, string Stream, long Revision, LogPosition Position, Guid EventId, DateTimeOffset At, Actor Actor, ReadOnlyMemory<byte> Hash)
{
    /// <summary>The conversation that a conversation's or a receipts stream belongs to.</summary>
    public ConversationId Conversation => new(StreamName.IdOf(Stream));
}
