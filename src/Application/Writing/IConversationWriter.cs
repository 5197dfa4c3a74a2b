using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// The one way to write to conversations. Requests for one conversation are decided one after another, and an answer
/// means durable. A refusal throws <see cref="RefusedException"/>; a full backlog or an unreachable store throws <see
/// cref="Ports.StoreUnavailableException"/>.
/// </summary>
public interface IConversationWriter
{
    /// <summary>
    /// The log's head before anything was read into memory. Completes when requests are taken; never if the node stops
    /// before.
    /// </summary>
    Task<LogPosition> Started { get; }

    /// <summary>The newest position that this node has committed.</summary>
    LogPosition LastCommitted { get; }

    /// <summary>Starts a conversation, or changes something about it or its messages.</summary>
    Task<Changed> ChangeAsync(
        ConversationId id, ConversationCommand command, Origin origin, CancellationToken cancellationToken);

    /// <summary>Accepts a message, or recognises it as a retry, for ever.</summary>
    /// <param name="assumption">
    /// The retention that the message was sealed for; without it, the message is never sealed again.
    /// </param>
    /// <param name="maySend">
    /// Whether the message's files are the sender's to send; null without files. The message waits for it in its place,
    /// apart from the others, unless it is a retry.
    /// </param>
    Task<Sent> SendAsync(
        ConversationId id, ConversationCommand.SendMessage command, Origin origin, CancellationToken cancellationToken,
        SealedFor assumption = default, Task<bool>? maySend = null);

    /// <summary>Raises a member's watermark. Receipts that wait are merged to the highest.</summary>
    /// <returns>A position at which the log holds the receipt.</returns>
    Task<LogPosition> AcknowledgeAsync(
        ConversationId id, ReceiptCommand command, Origin origin, CancellationToken cancellationToken);

    /// <summary>
    /// Entries are in the log, most likely from another node: this one reads them, unless it knows them, and hands them
    /// to live delivery. Costs nothing if they are known.
    /// </summary>
    /// <param name="firstSeq">The first entry that was appended.</param>
    /// <param name="lastSeq">The last one.</param>
    /// <param name="isWatched">
    /// Whether sockets of this node want the entries; otherwise the conversation is brought up to date only if it is in
    /// memory.
    /// </param>
    void Notice(ConversationId id, long firstSeq, long lastSeq, bool isWatched);

    /// <summary>
    /// Forgets every conversation: the log has lost entries. Each is read anew before its next decision or answer.
    /// </summary>
    void ForgetAll();

    /// <summary>
    /// The conversation as it stands in the log, from memory where possible; <c>Kind</c> is null when it does not
    /// exist.
    /// </summary>
    Task<Conversation> PeekAsync(ConversationId id, CancellationToken cancellationToken);
}

/// <summary>Where a command comes from.</summary>
/// <param name="Actor">The user and device.</param>
/// <param name="CorrelationId">The request's or the socket session's id, kept with the events.</param>
/// <param name="Session">
/// The socket session that live delivery answers with an ack in the entry's place; null for REST.
/// </param>
/// <param name="Admitted">
/// Called once the request has its place in the conversation's order. A sender that waits for the call before its next
/// request keeps its own order.
/// </param>
public readonly record struct Origin(Actor Actor, string? CorrelationId, Guid? Session, Action? Admitted = null);

/// <summary>The outcome of a change.</summary>
/// <param name="Events">None when the conversation was that way before.</param>
/// <param name="Position">A position at which the log holds the events.</param>
public sealed record Changed(IReadOnlyList<ConversationEvent> Events, LogPosition Position)
{
    public bool Happened => Events.Count > 0;
}

/// <summary>
/// The retention that a message was sealed for before its conversation was asked, and the sealer in case the
/// conversation's is another.
/// </summary>
/// <param name="Policy">The assumed retention.</param>
/// <param name="Sealer">Seals the message again, in its place in the conversation's order.</param>
/// <param name="Request">The input of the sealer.</param>
public readonly record struct SealedFor(RetentionPolicy Policy, IMessageSealer? Sealer, object Request);

/// <summary>Seals messages anew.</summary>
public interface IMessageSealer
{
    /// <param name="request">See <see cref="SealedFor"/>.</param>
    /// <param name="policy">The conversation's retention.</param>
    ValueTask<ConversationCommand.SendMessage> SealAgainAsync(
        object request, ConversationId conversation, ConversationCommand.SendMessage command, RetentionPolicy policy);
}

/// <summary>A message's place.</summary>
/// <param name="Duplicate">The message was accepted before: this is the first answer again.</param>
/// <param name="Position">A position at which the log holds the message.</param>
public sealed record Sent(
    ConversationId Conversation, MessageId Message, long Seq, DateTimeOffset SentAt, bool Duplicate,
    LogPosition Position);
