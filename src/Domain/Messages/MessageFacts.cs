namespace ChatCqrs.Domain.Messages;

/// <summary>
/// What a decision about an earlier message must know of it. The conversation's state does not hold its messages, so the facts come from a view; what
/// has happened since stands in <see cref="RecentOperations"/>.
/// </summary>
/// <param name="Seq">The message's seq.</param>
/// <param name="OwnReaction">The emoji that whoever asks has set; null for none.</param>
/// <param name="AsOf">The last entry of the conversation that the view had seen.</param>
/// <param name="IsBlocked">Whether the other user of a direct conversation has blocked whoever asks.</param>
public sealed record MessageFacts(
    MessageId Message, long Seq, UserId Sender, DateTimeOffset SentAt, bool IsDeleted, string? OwnReaction, long AsOf, bool IsBlocked = false);
