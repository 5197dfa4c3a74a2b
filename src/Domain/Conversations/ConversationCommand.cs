using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Domain.Conversations;

/// <summary>A request to change a conversation.</summary>
public abstract record ConversationCommand
{
    private ConversationCommand()
    {
    }

    /// <summary>Start the direct conversation of two users; no event if it exists.</summary>
    /// <param name="IsBlocked">Whether <paramref name="With"/> has blocked <paramref name="By"/>.</param>
    public sealed record StartDirect(UserId By, UserId With, bool IsBlocked = false) : ConversationCommand;

    /// <summary>Start a group. <paramref name="By"/> becomes its admin.</summary>
    /// <param name="Others">The other members, in order of succession as admin.</param>
    /// <param name="MembersMax">The most members of a group.</param>
    /// <param name="IsBlocked">Whether one of the others has blocked <paramref name="By"/>.</param>
    /// <param name="Fingerprint">
    /// Of the title and the members, where the client chose the group's id: the same again finds the group. Null where
    /// the server chose it.
    /// </param>
    public sealed record StartGroup(
        UserId By, IReadOnlyList<UserId> Others, GroupTitle Title, int MembersMax, bool IsBlocked = false,
        Fingerprint? Fingerprint = null) : ConversationCommand;

    /// <summary>Add users to a group; members are skipped.</summary>
    /// <param name="MembersMax">The most members of a group.</param>
    /// <param name="BlockedBy">Those of the users who have blocked <paramref name="By"/>; null for none.</param>
    public sealed record AddMembers(
        UserId By, IReadOnlyList<UserId> Users, int MembersMax, IReadOnlySet<UserId>? BlockedBy = null)
        : ConversationCommand;

    /// <summary>Remove a member from a group, or leave it (<paramref name="User"/> is <paramref name="By"/>).</summary>
    public sealed record RemoveMember(UserId By, UserId User) : ConversationCommand;

    /// <summary>Change a member's role.</summary>
    public sealed record ChangeRole(UserId By, UserId User, Role Role) : ConversationCommand;

    /// <summary>Rename a group.</summary>
    public sealed record RenameGroup(UserId By, GroupTitle Title) : ConversationCommand;

    /// <summary>Change how long new messages are kept, and shorten the time of earlier ones.</summary>
    /// <param name="DefaultDays">
    /// The server's default, in days, for policies without <see cref="RetentionPolicy.Days"/>.
    /// </param>
    /// <param name="IsBlocked">
    /// Whether the other user of a direct conversation has blocked <paramref name="By"/>.
    /// </param>
    public sealed record ChangeRetention(
        UserId By, RetentionPolicy Policy, int DefaultDays, bool IsBlocked = false) : ConversationCommand;

    /// <summary>Send a message.</summary>
    /// <param name="ReplySeq">The seq of the message replied to; null if no message has that id.</param>
    /// <param name="StartWith">
    /// The other user of the direct conversation to start if it does not exist; null to refuse instead.
    /// </param>
    /// <param name="Files">The attached uploads, which the sender may pass on; null for none.</param>
    /// <param name="IsBlocked">Whether the other user of a direct conversation has blocked the sender.</param>
    /// <param name="IsGone">Whether the other user of a direct conversation is erased.</param>
    public sealed record SendMessage(
        MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent Content,
        Fingerprint Fingerprint, MessageId? ReplyTo, DateTimeOffset? ExpiresAt, UserId? StartWith = null,
        IReadOnlyList<FileId>? Files = null, bool IsBlocked = false,
        long? ReplySeq = null, bool IsGone = false) : ConversationCommand
    {
        /// <summary>
        /// The fingerprint that earlier versions gave the same content, over its attachments as they were spelled; null
        /// if it is the same one.
        /// </summary>
        public Fingerprint? FormerFingerprint { get; init; }

        /// <summary>Whether a message stored under the same id is this one.</summary>
        public bool Repeats(Fingerprint stored) => stored == Fingerprint || stored == FormerFingerprint;
    }

    /// <summary>Replace a message's content.</summary>
    /// <param name="Content">The complete new content, sealed under the message's scope.</param>
    /// <param name="Unchanged">Whether the view showed the same content already.</param>
    public sealed record EditMessage(
        UserId By, MessageFacts Message, SealedContent Content, Fingerprint Fingerprint, bool Unchanged)
        : ConversationCommand;

    /// <summary>Delete a message for everyone.</summary>
    public sealed record DeleteMessage(UserId By, MessageFacts Message) : ConversationCommand;

    /// <summary>Set one's reaction to a message, replacing an earlier one.</summary>
    public sealed record SetReaction(UserId By, MessageFacts Message, string Emoji) : ConversationCommand;

    /// <summary>Remove one's reaction from a message.</summary>
    public sealed record ClearReaction(UserId By, MessageFacts Message) : ConversationCommand;

    /// <summary>Set one's vote in a poll, replacing an earlier one.</summary>
    /// <param name="Vote">Of options that the poll has, and as many as it allows; not empty.</param>
    public sealed record SetVote(UserId By, MessageFacts Message, Vote Vote) : ConversationCommand;

    /// <summary>Remove one's vote from a poll.</summary>
    public sealed record ClearVote(UserId By, MessageFacts Message) : ConversationCommand;

    /// <summary>Expire due messages. Issued by the clock, not by a user.</summary>
    /// <param name="Messages">The messages that a view shows as due and not yet expired.</param>
    /// <param name="AsOf">The conversation's last entry in that view, a seq.</param>
    public sealed record ExpireMessages(
        IReadOnlyList<ExpiredMessage> Messages, ExpiryReason Reason, long AsOf) : ConversationCommand;
}
