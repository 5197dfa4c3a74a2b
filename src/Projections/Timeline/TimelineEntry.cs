using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Projections.Timeline;

/// <summary>An entry of a conversation in its current state: a message with sealed content, or an update.</summary>
/// <param name="Kind">The wire name of an update's kind, or <see cref="MessageKind"/>.</param>
/// <param name="Message">The message; null for an update.</param>
/// <param name="Update">
/// The update's event; null for a message. An edit's new content is stored with its message.
/// </param>
public sealed record TimelineEntry(
    ConversationId Conversation, long Seq, string Kind, DateTimeOffset At, UserId? Actor, TimelineMessage? Message,
    ConversationEvent? Update)
{
    public const string MessageKind = "message";
    public const string ConversationStartedKind = "conversation_started";

    /// <summary>
    /// The entry as a member may see it. An edit of a message that they may not see comes without its content, a vote
    /// in such a poll without its options.
    /// </summary>
    /// <param name="joinedSeq">The first entry that the member may see, a seq.</param>
    public TimelineEntry SeenFrom(long joinedSeq) =>
        Update is not null && TimelineProjection.ToldOf(Update) is { } seq && seq < joinedSeq
            ? this with { Update = TimelineProjection.Untold(Update) }
            : this;
}

/// <summary>A message in its current state.</summary>
/// <param name="Content">The sealed content; null after deletion or expiry.</param>
public sealed record TimelineMessage(
    MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent? Content,
    Fingerprint Fingerprint, MessageId? ReplyTo, DateTimeOffset SentAt, DateTimeOffset? ExpiresAt)
{
    public DateTimeOffset? EditedAt { get; init; }
    public DateTimeOffset? DeletedAt { get; init; }

    /// <summary>When the content expired, UTC; null if it did not. Known to the fold only; no query tells it.</summary>
    public DateTimeOffset? ExpiredAt { get; init; }

    /// <summary>In the order in which they were set; at most one per user.</summary>
    public ImmutableArray<Reaction> Reactions { get; init; } = [];

    /// <summary>In a poll, in the order in which they were set; at most one per user.</summary>
    public ImmutableArray<CastVote> Votes { get; init; } = [];
}

/// <summary>A user's vote in a poll.</summary>
public sealed record CastVote(Guid User, Vote Vote);

/// <summary>A user's reaction to a message.</summary>
public sealed record Reaction(Guid User, string Emoji);
