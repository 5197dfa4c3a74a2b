using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Retention;

namespace ChatCqrs.Application.Inbox;

/// <summary>A single conversation: its inbox item, members and retention.</summary>
/// <inheritdoc cref="ConversationSummary"/>
/// <param name="Epoch">The MLS epoch; null without MLS.</param>
public sealed record ConversationDetails(
    Guid ConversationId, string Type, string? Title, ConversationPartner? With, int MemberCount, string? Encryption,
    long LastSeq, MessageView? LastMessage, long UnreadCount, long DeliveredSeq, long ReadSeq,
    DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt,
    IReadOnlyList<MemberInfo> Members, RetentionInfo Retention, long? Epoch);
