namespace ChatCqrs.Domain.Messages;

/// <summary>
/// What a decision needs to know of an earlier message. The conversation's state does not hold its messages, so a view
/// supplies the facts; <see cref="RecentOperations"/> holds what has happened since.
/// </summary>
/// <param name="Seq">The message's seq.</param>
/// <param name="OwnReaction">The asking user's reaction; null for none.</param>
/// <param name="AsOf">The conversation's last entry in the view, a seq.</param>
/// <param name="IsBlocked">Whether the other user of a direct conversation has blocked the asking user.</param>
public sealed record MessageFacts(
    MessageId Message, long Seq, UserId Sender, DateTimeOffset SentAt, bool IsDeleted, string? OwnReaction, long AsOf,
    bool IsBlocked = false)
{
    /// <summary>The asking user's vote in a poll; none without one.</summary>
    public Vote OwnVote { get; init; }
}
