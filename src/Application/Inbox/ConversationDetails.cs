using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Retention;

namespace ChatCqrs.Application.Inbox;

/// <summary>A single conversation: its inbox item, members and retention.</summary>
/// <param name="Encryption">
/// Always null: the server does not offer end-to-end encryption; clients may send ciphertexts of their own.
/// </param>
/// <param name="Epoch">The MLS epoch; null without MLS.</param>
public sealed record ConversationDetails(
    Guid ConversationId, string Type, string? Title, long LastSeq, MessageView? LastMessage, long UnreadCount,
    long DeliveredSeq, long ReadSeq, DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt,
    IReadOnlyList<MemberInfo> Members, RetentionInfo Retention, string? Encryption, long? Epoch);
