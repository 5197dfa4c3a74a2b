using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>All messages ever accepted, by id and sender. An entry outlives its message's content.</summary>
public interface ISentMessages
{
    /// <summary>Finds the messages of many senders and ids in one query.</summary>
    /// <param name="messages">The senders and ids, each once.</param>
    /// <param name="conversation">
    /// Finds also what others sent there under one of the ids; null for the senders' own messages only.
    /// </param>
    /// <returns>The messages known to the read side. The caller ensures that it is recent enough.</returns>
    Task<IReadOnlyList<SentMessage>> FindAsync(
        IReadOnlyCollection<(UserId Sender, MessageId Message)> messages, ConversationId? conversation,
        CancellationToken cancellationToken);
}

/// <summary>What was accepted from whom, where and when.</summary>
public sealed record SentMessage(
    MessageId Message, UserId Sender, ConversationId Conversation, long Seq, DateTimeOffset SentAt,
    Fingerprint Fingerprint);
