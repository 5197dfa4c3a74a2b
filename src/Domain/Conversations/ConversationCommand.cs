using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Domain.Conversations;

/// <summary>What a user wants of a conversation.</summary>
public abstract record ConversationCommand
{
    private ConversationCommand()
    {
    }

    /// <summary>Start the direct conversation of two users, unless it exists.</summary>
    /// <param name="IsBlocked">Whether the other user has blocked this one.</param>
    public sealed record StartDirect(UserId By, UserId With, bool IsBlocked = false) : ConversationCommand;

    /// <summary>Start a group, with whoever starts it as its admin.</summary>
    /// <param name="Others">Who else belongs to it, in the order in which they would follow as admin.</param>
    /// <param name="MembersMax">How many a group may have.</param>
    public sealed record StartGroup(UserId By, IReadOnlyList<UserId> Others, GroupTitle Title, int MembersMax) : ConversationCommand;

    /// <summary>Take users into a group.</summary>
    /// <param name="MembersMax">How many a group may have.</param>
    public sealed record AddMembers(UserId By, IReadOnlyList<UserId> Users, int MembersMax) : ConversationCommand;

    /// <summary>Take a user out of a group; oneself is leaving.</summary>
    public sealed record RemoveMember(UserId By, UserId User) : ConversationCommand;

    /// <summary>Make a member an admin, or an admin a member.</summary>
    public sealed record ChangeRole(UserId By, UserId User, Role Role) : ConversationCommand;

    /// <summary>Call a group something else.</summary>
    public sealed record RenameGroup(UserId By, GroupTitle Title) : ConversationCommand;

    /// <summary>Keep what is sent from now on for another time.</summary>
    /// <param name="DefaultDays">What holds where a policy does not say.</param>
    public sealed record ChangeRetention(UserId By, RetentionPolicy Policy, int DefaultDays, bool IsBlocked = false) : ConversationCommand;

    /// <summary>Say something.</summary>
    /// <param name="ReplySeq">Where the message stands that it replies to; null when there is none of that id.</param>
    /// <param name="StartWith">
    /// The other user of a direct conversation that is to be started by this message if it does not exist; null to refuse instead.
    /// </param>
    /// <param name="Files">The uploads that it refers to and its sender may pass on; null for none.</param>
    /// <param name="IsBlocked">Whether the other user of a direct conversation has blocked the sender.</param>
    /// <param name="IsGone">Whether the other user of a direct conversation was erased.</param>
    public sealed record SendMessage(
        MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent Content, Fingerprint Fingerprint,
        MessageId? ReplyTo, DateTimeOffset? ExpiresAt, UserId? StartWith = null, IReadOnlyList<FileId>? Files = null, bool IsBlocked = false,
        long? ReplySeq = null, bool IsGone = false) : ConversationCommand;

    /// <summary>Say it otherwise.</summary>
    /// <param name="Content">The whole new content, sealed as the message's own.</param>
    /// <param name="Unchanged">Whether the message said just that when it was looked up.</param>
    public sealed record EditMessage(UserId By, MessageFacts Message, SealedContent Content, Fingerprint Fingerprint, bool Unchanged)
        : ConversationCommand;

    /// <summary>Take a message back, for everyone.</summary>
    public sealed record DeleteMessage(UserId By, MessageFacts Message) : ConversationCommand;

    /// <summary>React to a message, in place of an earlier reaction of one's own.</summary>
    public sealed record SetReaction(UserId By, MessageFacts Message, string Emoji) : ConversationCommand;

    /// <summary>Take one's reaction back.</summary>
    public sealed record ClearReaction(UserId By, MessageFacts Message) : ConversationCommand;

    /// <summary>Let messages go whose time is up. Nobody in particular wants it: the clock does.</summary>
    /// <param name="Messages">Those that a view showed to be due and not gone yet.</param>
    /// <param name="AsOf">The last entry of the conversation that the view had seen.</param>
    public sealed record ExpireMessages(IReadOnlyList<ExpiredMessage> Messages, ExpiryReason Reason, long AsOf) : ConversationCommand;
}
