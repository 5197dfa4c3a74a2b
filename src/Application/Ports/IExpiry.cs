using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Ports;

/// <summary>What is due to go, as the read models show it, and what the log no longer begins with.</summary>
public interface IExpiry
{
    /// <summary>Messages whose time is up and that have not gone yet, those that are due the longest first.</summary>
    /// <param name="limit">How many messages at most.</param>
    Task<IReadOnlyList<DueMessages>> DueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Messages that every device of everyone who is to get them has: all members but the sender, and the sender's other devices. One with files counts once all
    /// those members have read it, since having a message is not having its files.
    /// </summary>
    /// <param name="after">The last conversation that was looked at; null to begin with the first.</param>
    /// <param name="conversations">How many conversations with messages that are kept are looked at.</param>
    /// <param name="limit">How many messages at most.</param>
    Task<DeliveredMessages> DeliveredAsync(ConversationId? after, int conversations, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations whose logs may begin with what has gone. Nobody builds a read model anew from the log while the answer is not disposed.
    /// </summary>
    /// <returns>Null while a read model is built anew: then the log stays as it is.</returns>
    Task<ILogTrims?> TrimsAsync(CancellationToken cancellationToken);
}

/// <param name="AsOf">The last entry of the conversation that the views had seen.</param>
public sealed record DueMessages(ConversationId Conversation, IReadOnlyList<ExpiredMessage> Messages, long AsOf);

/// <param name="Last">The last conversation that was looked at; null when there are no more.</param>
/// <param name="IsCut">There is more to be found in these conversations.</param>
public sealed record DeliveredMessages(IReadOnlyList<DueMessages> Found, ConversationId? Last, bool IsCut);

/// <summary>The conversations whose logs may begin with what has gone.</summary>
public interface ILogTrims : IAsyncDisposable
{
    /// <summary>The ones after a conversation, or the first ones; none when there are no more.</summary>
    Task<IReadOnlyList<LogTrim>> NextAsync(ConversationId? after, int limit, CancellationToken cancellationToken);

    /// <summary>Keeps the hash that the first event which is left of a stream is linked to, before what comes before it goes.</summary>
    Task NoteStartAsync(string stream, ConversationId conversation, long before, ReadOnlyMemory<byte> hash, CancellationToken cancellationToken);

    /// <summary>A conversation's log is as short as it can be, up to that entry.</summary>
    Task DoneAsync(LogTrim trim, CancellationToken cancellationToken);
}

/// <param name="ExpirySeq">The entry by which messages last went.</param>
/// <param name="FirstKept">The first message whose content is kept; null for none.</param>
public sealed record LogTrim(ConversationId Conversation, long ExpirySeq, long? FirstKept);
