using ChatCqrs.Application.Messages;

namespace ChatCqrs.Application.Inbox;

/// <summary>A conversation in the caller's inbox.</summary>
/// <param name="With">The other member of a direct conversation; null for a group.</param>
/// <param name="MemberCount">How many members it has now, the caller among them.</param>
/// <param name="Encryption">
/// Always null: the server does not offer end-to-end encryption; clients may send ciphertexts of their own.
/// </param>
/// <param name="DeliveredSeq">The highest seq on any of the caller's devices; -1 for none.</param>
/// <param name="ReadSeq">The highest seq that the caller has read; -1 for none.</param>
public sealed record ConversationSummary(
    Guid ConversationId, string Type, string? Title, ConversationPartner? With, int MemberCount, string? Encryption,
    long LastSeq, MessageView? LastMessage, long UnreadCount, long DeliveredSeq, long ReadSeq,
    DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt);
