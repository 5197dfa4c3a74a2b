using ChatCqrs.Application.Messages;

namespace ChatCqrs.Application.Inbox;

/// <summary>A conversation in the caller's inbox.</summary>
/// <param name="DeliveredSeq">What the caller's devices hold; -1 for nothing.</param>
/// <param name="ReadSeq">What the caller has read; -1 for nothing.</param>
public sealed record ConversationSummary(
    Guid ConversationId, string Type, string? Title, long LastSeq, MessageView? LastMessage, long UnreadCount, long DeliveredSeq, long ReadSeq,
    DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt);
