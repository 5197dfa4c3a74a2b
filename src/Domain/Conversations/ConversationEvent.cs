using System.Collections.Immutable;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Domain.Conversations;

/// <summary>A fact about a conversation. Its revision in the conversation's stream is the entry's seq.</summary>
public abstract record ConversationEvent
{
    private ConversationEvent()
    {
    }

    /// <summary>Time of the decision, UTC, to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Always the first entry, seq 0.</summary>
    /// <param name="Members">All members; in a group the admin comes first.</param>
    /// <param name="Title">A group's title; null for a direct conversation.</param>
    /// <param name="Fingerprint">Of a group's title and members, where the client chose the id; else null.</param>
    public sealed record ConversationStarted(
        ConversationKind Kind, UserId By, ImmutableArray<UserId> Members, GroupTitle? Title = null,
        Fingerprint? Fingerprint = null) : ConversationEvent;

    public sealed record MemberAdded(UserId User, UserId By) : ConversationEvent;

    public sealed record MemberRemoved(UserId User, UserId By) : ConversationEvent;

    public sealed record MemberLeft(UserId User) : ConversationEvent;

    /// <summary>A member's role changed: by an admin, or because the last admin left.</summary>
    public sealed record RoleChanged(UserId User, Role Role, UserId By) : ConversationEvent;

    public sealed record GroupRenamed(GroupTitle Title) : ConversationEvent;

    /// <summary>The retention policy of new messages changed.</summary>
    /// <param name="Shortened">Shorter times for earlier messages; null for none.</param>
    public sealed record RetentionChanged(
        RetentionPolicy Policy, UserId By, IReadOnlyList<Shortening>? Shortened = null) : ConversationEvent;

    /// <summary>
    /// A message was accepted. The content is sealed; the other fields are what the server needs to know.
    /// </summary>
    /// <param name="Fingerprint">A keyed hash of the content, to distinguish a retry from a reused id.</param>
    /// <param name="ExpiresAt">When the content becomes unreadable for everyone, UTC; null for never.</param>
    /// <param name="Files">The uploads that everyone who sees the message may download; null for none.</param>
    public sealed record MessageSent(
        MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent Content,
        Fingerprint Fingerprint, MessageId? ReplyTo,
        DateTimeOffset? ExpiresAt, IReadOnlyList<FileId>? Files = null) : ConversationEvent;

    /// <summary>A message's content was replaced.</summary>
    /// <param name="MessageSeq">
    /// The message's seq. The id alone is ambiguous: another sender may have used it too.
    /// </param>
    /// <param name="Content">The complete new content, sealed under the message's scope.</param>
    public sealed record MessageEdited(
        MessageId MessageId, long MessageSeq, UserId Sender,
        SealedContent Content, Fingerprint Fingerprint) : ConversationEvent;

    /// <summary>A message was deleted for everyone; its content is gone.</summary>
    public sealed record MessageDeleted(MessageId MessageId, long MessageSeq, UserId By) : ConversationEvent;

    /// <summary>A member set their reaction to a message, replacing an earlier one.</summary>
    /// <param name="Emoji">One emoji, see <see cref="Messages.Emoji"/>.</param>
    public sealed record ReactionSet(
        MessageId MessageId, long MessageSeq, UserId User, string Emoji) : ConversationEvent;

    public sealed record ReactionCleared(MessageId MessageId, long MessageSeq, UserId User) : ConversationEvent;

    /// <summary>A member set their vote in a poll, replacing an earlier one.</summary>
    public sealed record VoteSet(MessageId MessageId, long MessageSeq, UserId User, Vote Vote) : ConversationEvent;

    public sealed record VoteCleared(MessageId MessageId, long MessageSeq, UserId User) : ConversationEvent;

    /// <summary>Messages expired: their content is gone for everyone, their entries stay.</summary>
    /// <param name="Messages">At least one and at most <see cref="MessagesMax"/>, ascending by seq.</param>
    public sealed record MessagesExpired(
        ImmutableArray<ExpiredMessage> Messages, ExpiryReason Reason) : ConversationEvent
    {
        /// <summary>The most messages in one event.</summary>
        public const int MessagesMax = 500;
    }
}

/// <summary>Direct: the same two users for ever. Group: members change.</summary>
public enum ConversationKind
{
    Direct,
    Group,
}
