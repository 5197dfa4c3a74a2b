using ChatCqrs.Application.Messages;

namespace ChatCqrs.Application.Inbox;

/// <summary>A conversation in the caller's inbox.</summary>
/// <param name="DeliveredSeq">The highest seq on any of the caller's devices; -1 for none.</param>
/// <param name="ReadSeq">The highest seq that the caller has read; -1 for none.</param>
public sealed record ConversationSummary(
    Guid ConversationId, string Type, string? Title, long LastSeq, MessageView? LastMessage, long UnreadCount,
    long DeliveredSeq, long ReadSeq, DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt);
