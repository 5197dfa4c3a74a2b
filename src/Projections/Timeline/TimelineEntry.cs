using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Projections.Timeline;

/// <summary>An entry of a conversation as it stands: a message with its sealed content, or an update.</summary>
/// <param name="Kind">The wire name of an update's kind, or <see cref="MessageKind"/>.</param>
/// <param name="Message">Set when the entry is a message.</param>
/// <param name="Members">Set when the entry is the conversation's start: who took part.</param>
public sealed record TimelineEntry(
    ConversationId Conversation, long Seq, string Kind, DateTimeOffset At, UserId? Actor, TimelineMessage? Message, IReadOnlyList<Guid>? Members)
{
    public const string MessageKind = "message";
    public const string ConversationStartedKind = "conversation_started";
}

/// <param name="Content">Null once it is gone.</param>
public sealed record TimelineMessage(
    MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent? Content, Fingerprint Fingerprint, MessageId? ReplyTo,
    DateTimeOffset SentAt, DateTimeOffset? ExpiresAt);

/// <summary>What happened in a conversation, entry by entry?</summary>
public static class TimelineProjection
{
    /// <summary>The entry that an event adds; null for an event of another stream.</summary>
    public static TimelineEntry? Added(Recorded fact) => fact.Event switch
    {
        ConversationEvent.MessageSent e => new TimelineEntry(
            fact.Conversation, fact.Revision, TimelineEntry.MessageKind, fact.At, e.Sender,
            new TimelineMessage(e.MessageId, e.Sender, e.Device, e.Type, e.Content, e.Fingerprint, e.ReplyTo, e.At, e.ExpiresAt), null),
        ConversationEvent.ConversationStarted e => new TimelineEntry(
            fact.Conversation, fact.Revision, TimelineEntry.ConversationStartedKind, fact.At, e.By, null,
            [.. e.Members.Select(member => member.Value)]),
        ConversationEvent e => throw new InvalidOperationException($"The timeline does not know {e.GetType().Name}."),
        _ => null,
    };
}
