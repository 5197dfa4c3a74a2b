namespace ChatCqrs.Domain;

/// <summary>The cause of an event: a user on a device, or neither for the clock.</summary>
public readonly record struct Actor(UserId? User, DeviceId? Device)
{
    public static readonly Actor System;
}

/// <summary>An event read from the log: the fact, its place, time, cause and hash.</summary>
/// <param name="Event">
/// A <c>ConversationEvent</c>, <c>ReceiptEvent</c>, <c>UserEvent</c> or <c>AuditEvent</c>.
/// </param>
/// <param name="Stream">The stream's name; see <see cref="StreamName"/>.</param>
/// <param name="Revision">
/// The event's gap-free number in its stream, from 0. In a conversation's stream it is the entry's seq.
/// </param>
/// <param name="Position">The event's place in the whole log.</param>
/// <param name="EventId">Unique. Appending the same event again uses the same id.</param>
/// <param name="At">Time of the decision, UTC, to the millisecond.</param>
/// <param name="Actor">The cause.</param>
/// <param name="Hash">SHA-256 over the previous event's hash in the stream and this event's bytes.</param>
public sealed record Recorded(
    object Event, string Stream, long Revision, LogPosition Position, Guid EventId, DateTimeOffset At, Actor Actor,
    ReadOnlyMemory<byte> Hash)
{
    /// <summary>The conversation's id; valid for conversation and receipts streams only.</summary>
    public ConversationId Conversation => new(StreamName.IdOf(Stream));
}
