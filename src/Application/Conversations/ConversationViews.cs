using ChatCqrs.Application.Messages;

namespace ChatCqrs.Application.Conversations;

/// <summary>A conversation in the caller's inbox.</summary>
/// <param name="DeliveredSeq">What the caller's devices hold; -1 for nothing.</param>
/// <param name="ReadSeq">What the caller has read; -1 for nothing.</param>
public sealed record ConversationSummary(
    Guid ConversationId, string Type, string? Title, long LastSeq, MessageView? LastMessage, long UnreadCount, long DeliveredSeq, long ReadSeq,
    DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt);

/// <summary>A conversation by itself: what the inbox shows, who belongs to it and what holds in it.</summary>
/// <param name="Encryption">Null: what clients encrypt for one another is theirs.</param>
/// <param name="Epoch">The MLS epoch; null without MLS.</param>
public sealed record ConversationDetails(
    Guid ConversationId, string Type, string? Title, long LastSeq, MessageView? LastMessage, long UnreadCount, long DeliveredSeq, long ReadSeq,
    DateTimeOffset? MutedUntil, bool Pinned, bool Archived, DateTimeOffset UpdatedAt,
    IReadOnlyList<MemberInfo> Members, RetentionInfo Retention, string? Encryption, long? Epoch);

/// <param name="Role"><c>member</c> or <c>admin</c>.</param>
public sealed record MemberInfo(Guid UserId, string Role, long JoinedSeq);

/// <param name="Days">Days from sending until a message is unreadable.</param>
public sealed record RetentionInfo(int Days, int? DisappearingSeconds);
