using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Projections.Timeline;

/// <summary>An entry of a conversation as it stands: a message with its sealed content, or an update.</summary>
/// <param name="Kind">The wire name of an update's kind, or <see cref="MessageKind"/>.</param>
/// <param name="Message">Set when the entry is a message.</param>
/// <param name="Update">What happened, when the entry is none. What an edit made of its message stands with the message.</param>
public sealed record TimelineEntry(
    ConversationId Conversation, long Seq, string Kind, DateTimeOffset At, UserId? Actor, TimelineMessage? Message, ConversationEvent? Update)
{
    public const string MessageKind = "message";
    public const string ConversationStartedKind = "conversation_started";

    /// <summary>The entry as a member sees it: an edit of a message that they do not see tells them that there was one, not what it made of the message.</summary>
    /// <param name="joinedSeq">The first entry that the member sees.</param>
    public TimelineEntry SeenFrom(long joinedSeq) => Update is MessageEdited edited && edited.MessageSeq < joinedSeq
        ? this with { Update = edited with { Content = TimelineProjection.ElsewhereContent } }
        : this;
}

/// <param name="Content">Null once it is gone.</param>
public sealed record TimelineMessage(
    MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent? Content, Fingerprint Fingerprint, MessageId? ReplyTo,
    DateTimeOffset SentAt, DateTimeOffset? ExpiresAt)
{
    public DateTimeOffset? EditedAt { get; init; }
    public DateTimeOffset? DeletedAt { get; init; }

    /// <summary>When the content was let go because its time was up; null while it is kept.</summary>
    public DateTimeOffset? ExpiredAt { get; init; }

    /// <summary>In the order in which they were set; at most one a user.</summary>
    public ImmutableArray<Reaction> Reactions { get; init; } = [];
}

/// <summary>How a user reacted to a message.</summary>
public sealed record Reaction(Guid User, string Emoji);
