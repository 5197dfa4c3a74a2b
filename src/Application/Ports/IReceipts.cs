using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>How far members have got and read, from the read models.</summary>
public interface IReceipts
{
    /// <summary>The members of conversations with their watermarks.</summary>
    Task<ILookup<ConversationId, MemberReceipts>> OfAsync(
        IReadOnlyCollection<ConversationId> conversations, CancellationToken cancellationToken);

    /// <summary>When each member got and read everything up to a seq.</summary>
    Task<IReadOnlyList<RecipientReceipt>> TimesAsync(ConversationId conversation, long seq, CancellationToken cancellationToken);
}

/// <param name="JoinedSeq">The first entry that the member sees.</param>
/// <param name="DeliveredSeq">-1 for none.</param>
/// <param name="ReadSeq">-1 for none.</param>
public sealed record MemberReceipts(ConversationId Conversation, UserId User, long JoinedSeq, long DeliveredSeq, long ReadSeq);

/// <summary>When a member got and read a message; null for not yet.</summary>
public sealed record RecipientReceipt(UserId User, long JoinedSeq, DateTimeOffset? DeliveredAt, DateTimeOffset? ReadAt);
