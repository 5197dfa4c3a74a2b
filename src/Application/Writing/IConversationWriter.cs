using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// The one way to write to conversations. Commands for one conversation are decided one after another; an answer means durable.
/// Refusals throw <see cref="RefusedException"/>; a full queue or a store that is away throws <see cref="Ports.StoreUnavailableException"/>.
/// </summary>
public interface IConversationWriter
{
    /// <summary>The newest position that this node has committed.</summary>
    LogPosition LastCommitted { get; }

    /// <summary>Starts a conversation, or changes something about it or its messages.</summary>
    Task<Changed> ChangeAsync(ConversationId id, ConversationCommand command, Origin origin, CancellationToken cancellationToken);

    /// <summary>Accepts a message, or recognises it as a retry, for ever.</summary>
    /// <param name="assumption">For how long it was sealed; without it that is never looked at.</param>
    Task<Sent> SendAsync(
        ConversationId id, ConversationCommand.SendMessage command, Origin origin, CancellationToken cancellationToken, SealedFor assumption = default);

    /// <summary>Raises a member's watermark. Receipts that wait are merged to the highest.</summary>
    /// <returns>Up to where the log holds it.</returns>
    Task<LogPosition> AcknowledgeAsync(ConversationId id, ReceiptCommand command, Origin origin, CancellationToken cancellationToken);

    /// <summary>
    /// Another node has written to a conversation: reads what is new, if it is not known here yet, and hands it to live delivery.
    /// </summary>
    /// <param name="firstSeq">The first entry that was written.</param>
    /// <param name="lastSeq">The last one.</param>
    /// <param name="wanted">Whether this node has sockets for it; without, only what is in memory is brought up to date.</param>
    void Notice(ConversationId id, long firstSeq, long lastSeq, bool wanted);

    /// <summary>The conversation as it stands in the log, from memory where possible; <c>Kind</c> is null when it does not exist.</summary>
    Task<Conversation> PeekAsync(ConversationId id, CancellationToken cancellationToken);
}

/// <summary>Where a command comes from.</summary>
/// <param name="Actor">The user and device.</param>
/// <param name="CorrelationId">The request's or the socket session's id, kept with the events.</param>
/// <param name="Session">The socket session, which live delivery answers with an ack in the entry's place; null for REST.</param>
/// <param name="Admitted">
/// Called once the command has its place in the conversation's order; a sender that waits for it before the next command keeps its own order.
/// </param>
public readonly record struct Origin(Actor Actor, string? CorrelationId, Guid? Session, Action? Admitted = null);

/// <summary>What a command led to.</summary>
/// <param name="Events">None when it was true already.</param>
/// <param name="Position">Up to where the log holds it.</param>
public sealed record Changed(IReadOnlyList<ConversationEvent> Events, LogPosition Position)
{
    public bool Happened => Events.Count > 0;
}

/// <summary>For how long a message was sealed before its conversation's state was asked, and who seals it again if that was wrong.</summary>
/// <param name="Policy">What was assumed.</param>
/// <param name="Sealer">Who seals it again, in its place in the conversation's order.</param>
/// <param name="Request">What the sealer made the message of.</param>
public readonly record struct SealedFor(RetentionPolicy Policy, IMessageSealer? Sealer, object Request);

/// <summary>Seals messages anew.</summary>
public interface IMessageSealer
{
    /// <param name="request">What the message is made of, see <see cref="SealedFor"/>.</param>
    /// <param name="policy">How long the conversation keeps it.</param>
    ValueTask<ConversationCommand.SendMessage> SealAgainAsync(
        object request, ConversationId conversation, ConversationCommand.SendMessage command, RetentionPolicy policy);
}

/// <summary>A message's place.</summary>
/// <param name="Duplicate">It was there already: this is the first answer again.</param>
/// <param name="Position">Up to where the log holds it.</param>
public sealed record Sent(ConversationId Conversation, MessageId Message, long Seq, DateTimeOffset SentAt, bool Duplicate, LogPosition Position);
