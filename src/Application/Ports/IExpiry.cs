using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Ports;

/// <summary>Due messages from the read models, and truncation of conversations' streams.</summary>
public interface IExpiry
{
    /// <summary>Messages that are due and not expired yet, longest due first.</summary>
    /// <param name="except">Conversations to leave out.</param>
    /// <param name="limit">The most messages to return.</param>
    Task<IReadOnlyList<DueMessages>> DueAsync(
        DateTimeOffset now, IReadOnlyCollection<ConversationId> except, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations whose retention was shortened, and whose messages do not all say so themselves yet. No list shows
    /// them longer than they may be shown.
    /// </summary>
    /// <param name="after">The last conversation of the call before; null to start with the first.</param>
    Task<IReadOnlyList<ConversationId>> ShortenedAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken);

    /// <summary>Writes the shorter time into the next messages of such a conversation, so that they can be due.</summary>
    /// <param name="limit">The most messages to look at; the only ones that are locked.</param>
    /// <returns>Whether there may be more.</returns>
    Task<bool> ShortenAsync(ConversationId conversation, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Messages held by all devices that should get them: those of all members, and the sender's other devices.
    /// Messages with files also need to be read by all those members, because holding a message does not mean holding
    /// its files.
    /// </summary>
    /// <param name="after">The last conversation examined; null to start with the first.</param>
    /// <param name="except">Conversations to leave out of the result.</param>
    /// <param name="conversations">The most conversations with kept messages to examine.</param>
    /// <param name="limit">The most messages to return.</param>
    Task<DeliveredMessages> DeliveredAsync(
        ConversationId? after, IReadOnlyCollection<ConversationId> except, int conversations, int limit,
        CancellationToken cancellationToken);

    /// <summary>
    /// Conversations that may have times of receipts of which nobody can ask any more: those before the first kept
    /// message, and those of erased users.
    /// </summary>
    /// <param name="after">The last conversation of the call before; null to start with the first.</param>
    Task<IReadOnlyList<ReceiptTrim>> ReceiptTrimsAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken);

    /// <summary>Deletes the next such times of a conversation, and its entry with the last ones.</summary>
    /// <param name="limit">The most times to delete.</param>
    /// <returns>Whether there may be more.</returns>
    Task<bool> TrimReceiptsAsync(ReceiptTrim trim, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations whose stream was truncated, and whose messages from before that do not all have their narrow rows
    /// yet.
    /// </summary>
    /// <param name="after">The last conversation of the call before; null to start with the first.</param>
    Task<IReadOnlyList<ConversationId>> TruncatedAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Gives the next such messages their narrow rows, which have what stays for ever and nothing else. No answer
    /// changes.
    /// </summary>
    /// <param name="limit">The most messages to move; the only ones that are locked.</param>
    /// <returns>Whether there may be more; false also during a rebuild, which copies the rows.</returns>
    Task<bool> MoveGoneAsync(ConversationId conversation, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations whose streams may start with expired messages. No read model is rebuilt until the result is
    /// disposed.
    /// </summary>
    /// <returns>Null during a rebuild: then streams must not be truncated.</returns>
    Task<ILogTrims?> TrimsAsync(CancellationToken cancellationToken);
}

/// <param name="AsOf">The conversation's last entry in the views, a seq.</param>
/// <summary>Due messages of one conversation.</summary>
public sealed record DueMessages(ConversationId Conversation, IReadOnlyList<ExpiredMessage> Messages, long AsOf);

/// <param name="Last">The last conversation examined; null if there are no more.</param>
/// <param name="IsCut">Whether these conversations have more such messages.</param>
/// <summary>Messages that all recipients hold.</summary>
public sealed record DeliveredMessages(IReadOnlyList<DueMessages> Found, ConversationId? Last, bool IsCut);

/// <summary>The conversations whose streams may start with expired messages.</summary>
public interface ILogTrims : IAsyncDisposable
{
    /// <summary>The next ones after a conversation, or the first ones; empty at the end.</summary>
    Task<IReadOnlyList<LogTrim>> NextAsync(ConversationId? after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Stores the hash of the last event to be truncated, which the first remaining event is linked to. Call before
    /// truncating.
    /// </summary>
    /// <param name="stream">The stream to truncate.</param>
    /// <param name="conversation">Its conversation.</param>
    /// <param name="before">The first remaining revision.</param>
    /// <param name="hash">The hash of the event before it.</param>
    Task NoteStartAsync(
        string stream, ConversationId conversation, long before, ReadOnlyMemory<byte> hash,
        CancellationToken cancellationToken);

    /// <summary>
    /// Marks a conversation's stream as truncated as far as its expiries up to <see cref="LogTrim.ExpirySeq"/> allow.
    /// </summary>
    Task DoneAsync(LogTrim trim, CancellationToken cancellationToken);
}

/// <param name="ExpirySeq">The seq of the last entry that expired messages.</param>
/// <param name="KeptFrom">
/// The first seq that must stay: of the first message whose content is kept, or else the one after the last entry that
/// the views have. Later entries may hold messages that the query did not see.
/// </param>
/// <summary>A conversation whose stream may be truncated.</summary>
public sealed record LogTrim(ConversationId Conversation, long ExpirySeq, long KeptFrom);

/// <param name="Position">The position of the event that made times needless, at most.</param>
/// <summary>A conversation that may have times of receipts to delete.</summary>
public sealed record ReceiptTrim(ConversationId Conversation, LogPosition Position);
