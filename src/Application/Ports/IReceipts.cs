using ChatCqrs.Domain;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;

namespace ChatCqrs.Application.Ports;

/// <summary>Members' watermarks from the read models.</summary>
public interface IReceipts
{
    /// <summary>
    /// The current and former members of conversations with their watermarks; erased users have none and are left out.
    /// </summary>
    Task<ILookup<ConversationId, MemberReceipts>> OfAsync(
        IReadOnlyCollection<ConversationId> conversations, CancellationToken cancellationToken);

    /// <summary>The times of a member's watermarks: first delivered, then read, each ascending by seq.</summary>
    /// <param name="after">The last mark of the previous page; null for the first page.</param>
    Task<IReadOnlyList<ReceiptMark>> MarksAsync(
        ConversationId conversation, UserId user, ReceiptMark? after, int limit, CancellationToken cancellationToken);

    /// <summary>When each current or former member got and read everything up to a seq.</summary>
    Task<IReadOnlyList<RecipientReceipt>> TimesAsync(
        ConversationId conversation, long seq, CancellationToken cancellationToken);
}

/// <param name="Stays">The periods of membership.</param>
/// <param name="DeliveredSeq">The highest seq delivered; -1 for none.</param>
/// <param name="ReadSeq">The highest seq read; -1 for none.</param>
/// <summary>A member's watermarks.</summary>
public sealed record MemberReceipts(
    ConversationId Conversation, UserId User, IReadOnlyList<Stay> Stays, long DeliveredSeq, long ReadSeq)
{
    public bool WasMemberAt(long seq) => Stays.Any(stay => stay.Covers(seq));

    /// <summary>Whether the member has stayed since an entry; one who left and came back does not see it.</summary>
    public bool HasBeenMemberSince(long seq) => Stays[^1] is { LeftSeq: null } stay && stay.Covers(seq);
}

/// <summary>When a member got and read a message, UTC; null for not yet.</summary>
/// <param name="Stays">The periods of membership.</param>
public sealed record RecipientReceipt(
    UserId User, IReadOnlyList<Stay> Stays, DateTimeOffset? DeliveredAt, DateTimeOffset? ReadAt)
{
    public bool WasMemberAt(long seq) => Stays.Any(stay => stay.Covers(seq));
}
