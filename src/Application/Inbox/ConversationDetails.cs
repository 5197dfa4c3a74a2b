using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Retention;

namespace ChatCqrs.Application.Inbox;

/// <summary>A conversation by itself: what the inbox shows, who belongs to it and what holds in it.</summary>
/// <param name="Encryption">Null: what clients encrypt for one another is theirs.</param>
/// <param name="Epoch">The MLS epoch; null without MLS.</param>
public sealed record ConversationDetails(
    Guid ConversationId, string Type, string? Title, long LastSeq, MessageView? LastMessage, long UnreadCount, long DeliveredSeq, long ReadSeq,
    DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt,
    IReadOnlyList<MemberInfo> Members, RetentionInfo Retention, string? Encryption, long? Epoch);
