using ChatCqrs.Domain.Messages;

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

    /// <summary>Say something.</summary>
    /// <param name="StartWith">
    /// The other user of a direct conversation that is to be started by this message if it does not exist; null to refuse instead.
    /// </param>
    /// <param name="Files">The uploads that it refers to and its sender may pass on; null for none.</param>
    /// <param name="IsBlocked">Whether the other user of a direct conversation has blocked the sender.</param>
    public sealed record SendMessage(
        MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent Content, Fingerprint Fingerprint,
        MessageId? ReplyTo, DateTimeOffset? ExpiresAt, UserId? StartWith = null, IReadOnlyList<FileId>? Files = null,
        bool IsBlocked = false) : ConversationCommand;
}
