using System.Collections.Immutable;
using ChatCqrs.Domain.Messages;

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
    public sealed record ConversationStarted(ConversationKind Kind, UserId By, ImmutableArray<UserId> Members) : ConversationEvent;

    /// <summary>A message was accepted. Its content is sealed; everything beside it is what the server needs to know.</summary>
    /// <param name="Fingerprint">A keyed hash of the content, to tell a retry from another message with the same id.</param>
    /// <param name="ExpiresAt">From when on the content is unreadable for everyone; null for never.</param>
    /// <param name="Files">The uploads that whoever sees the message may download; null for none.</param>
    public sealed record MessageSent(
        MessageId MessageId, UserId Sender, DeviceId Device, MessageType Type, SealedContent Content, Fingerprint Fingerprint,
        MessageId? ReplyTo, DateTimeOffset? ExpiresAt, IReadOnlyList<FileId>? Files = null) : ConversationEvent;
}

/// <summary>How many take part: two for ever, or a group that changes.</summary>
public enum ConversationKind
{
    Direct,
}
