using ChatCqrs.Domain;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;

namespace ChatCqrs.Application.Ports;

/// <summary>How far members have got and read, from the read models.</summary>
public interface IReceipts
{
    /// <summary>The members of conversations, former ones too, with their watermarks.</summary>
    Task<ILookup<ConversationId, MemberReceipts>> OfAsync(
        IReadOnlyCollection<ConversationId> conversations, CancellationToken cancellationToken);

    /// <summary>When a member got and read what: first how it was delivered, then how it was read, each by seq.</summary>
    /// <param name="after">The last mark of the page before; null for the first page.</param>
    Task<IReadOnlyList<ReceiptMark>> MarksAsync(
        ConversationId conversation, UserId user, ReceiptMark? after, int limit, CancellationToken cancellationToken);

    /// <summary>When each member, former ones too, got and read everything up to a seq.</summary>
    Task<IReadOnlyList<RecipientReceipt>> TimesAsync(ConversationId conversation, long seq, CancellationToken cancellationToken);
}

/// <param name="Stays">When they belonged to the conversation.</param>
/// <param name="DeliveredSeq">-1 for none.</param>
/// <param name="ReadSeq">-1 for none.</param>
public sealed record MemberReceipts(ConversationId Conversation, UserId User, IReadOnlyList<Stay> Stays, long DeliveredSeq, long ReadSeq)
{
    public bool WasMemberAt(long seq) => Stays.Any(stay => stay.Covers(seq));
}

/// <summary>When a member got and read a message; null for not yet.</summary>
/// <param name="Stays">When they belonged to the conversation.</param>
public sealed record RecipientReceipt(UserId User, IReadOnlyList<Stay> Stays, DateTimeOffset? DeliveredAt, DateTimeOffset? ReadAt)
{
    public bool WasMemberAt(long seq) => Stays.Any(stay => stay.Covers(seq));
}
