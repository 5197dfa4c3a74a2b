using System.Collections.Immutable;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Domain.Conversations;

/// <summary>What happened in a conversation. The revision of an event in the conversation's stream is the entry's seq.</summary>
public abstract record ConversationEvent
{
    private ConversationEvent()
    {
    }

    /// <summary>When it was decided, UTC, to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Always the first entry, seq 0.</summary>
    /// <param name="Members">Everyone who takes part; of a group first its admin.</param>
    /// <param name="Title">What a group is called; null for a direct conversation.</param>
    public sealed record ConversationStarted(
        ConversationKind Kind, UserId By, ImmutableArray<UserId> Members, GroupTitle? Title = null) : ConversationEvent;

    public sealed record MemberAdded(UserId User, UserId By) : ConversationEvent;

    public sealed record MemberRemoved(UserId User, UserId By) : ConversationEvent;

    public sealed record MemberLeft(UserId User) : ConversationEvent;

    /// <summary>A member has another role: an admin said so, or the last admin left.</summary>
    public sealed record RoleChanged(UserId User, Role Role, UserId By) : ConversationEvent;

    public sealed record GroupRenamed(GroupTitle Title) : ConversationEvent;

    /// <summary>Messages that follow are kept for another time.</summary>
    /// <param name="Shortened">What becomes of earlier messages; null for nothing.</param>
    public sealed record RetentionChanged(
        RetentionPolicy Policy, UserId By, IReadOnlyList<Shortening>? Shortened = null) : ConversationEvent;

    /// <summary>A message was accepted. Its content is sealed; everything beside it is what the server needs to know.</summary>
    /// <param name="Fingerprint">A keyed hash of the content, to tell a retry from another message with the same id.</param>
    /// <param name="ExpiresAt">From when on the content is unreadable for everyone; null for never.</param>
    /// <param name="Files">The uploads that whoever sees the message may download; null for none.</param>
    public sealed record MessageSent(
        MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent Content, Fingerprint Fingerprint,
        MessageId? ReplyTo, DateTimeOffset? ExpiresAt, IReadOnlyList<FileId>? Files = null) : ConversationEvent;

    /// <summary>A message says something else now.</summary>
    /// <param name="MessageSeq">The message's own seq: its id alone may be another sender's as well.</param>
    /// <param name="Content">The whole new content, sealed as the message's own.</param>
    public sealed record MessageEdited(
        MessageId MessageId, long MessageSeq, UserId Sender, SealedContent Content, Fingerprint Fingerprint) : ConversationEvent;

    /// <summary>A message was taken back for everyone; its content is gone.</summary>
    public sealed record MessageDeleted(MessageId MessageId, long MessageSeq, UserId By) : ConversationEvent;

    /// <summary>A member reacted to a message, in place of an earlier reaction of theirs.</summary>
    /// <param name="Emoji">One emoji, see <see cref="Messages.Emoji"/>.</param>
    public sealed record ReactionSet(MessageId MessageId, long MessageSeq, UserId User, string Emoji) : ConversationEvent;

    public sealed record ReactionCleared(MessageId MessageId, long MessageSeq, UserId User) : ConversationEvent;

    /// <summary>What messages said is gone for everyone, because their time was up; the entries stay in their places.</summary>
    /// <param name="Messages">At least one, in the order of their seqs.</param>
    public sealed record MessagesExpired(ImmutableArray<ExpiredMessage> Messages, ExpiryReason Reason) : ConversationEvent
    {
        /// <summary>How many messages one event names at most.</summary>
        public const int MessagesMax = 500;
    }
}

/// <summary>How many take part: two for ever, or a group that changes.</summary>
public enum ConversationKind
{
    Direct,
    Group,
}
