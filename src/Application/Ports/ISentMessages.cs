using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>All messages ever accepted, by sender and id. An entry outlives its message's content.</summary>
public interface ISentMessages
{
    /// <summary>Finds many messages in one query.</summary>
    /// <returns>The messages known to the read side. The caller ensures that it is recent enough.</returns>
    Task<IReadOnlyDictionary<(UserId Sender, MessageId Message), SentMessage>> FindAsync(
        IReadOnlyCollection<(UserId Sender, MessageId Message)> messages, CancellationToken cancellationToken);
}

/// <summary>Where and when a message was accepted.</summary>
public sealed record SentMessage(ConversationId Conversation, long Seq, DateTimeOffset SentAt, Fingerprint Fingerprint);
