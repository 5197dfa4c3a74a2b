using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <summary>A hold as it is now.</summary>
/// <param name="MatterId">The matter that it belongs to; null for none.</param>
/// <param name="From">The first moment of what it keeps, inclusive; null for no bound.</param>
/// <param name="To">The last moment of what it keeps, inclusive; null for no bound.</param>
/// <param name="ReviewAt">When somebody should ask whether it is still needed.</param>
/// <param name="Status"><c>pending</c>, <c>approved</c>, <c>refused</c> or <c>released</c>.</param>
/// <param name="ApprovedBy">Null before its approval, and where holds need none.</param>
/// <param name="RefusedBy">Null for a hold that was not refused.</param>
public sealed record HoldView(
    Guid HoldId, Guid? MatterId, string Reason, IReadOnlyList<Guid> ConversationIds, IReadOnlyList<Guid> UserIds,
    DateTimeOffset? From, DateTimeOffset? To, Guid PlacedBy, DateTimeOffset PlacedAt, DateTimeOffset ReviewAt,
    string Status, Guid? ApprovedBy, Guid? RefusedBy)
{
    internal static HoldView Of(Hold hold)
    {
        var isRefused = hold.Status is ApprovalStatus.Refused;
        return new HoldView(
            hold.Id!.Value.Value, hold.Matter?.Value, hold.Reason, [.. hold.Scope.Conversations.Select(id => id.Value)],
            [.. hold.Scope.Users.Select(id => id.Value)], hold.Scope.From, hold.Scope.To, hold.PlacedBy.Value,
            hold.PlacedAt, hold.ReviewAt, Approvals.NameOfHold(hold.Status),
            isRefused ? null : hold.SettledBy?.Value, isRefused ? hold.SettledBy?.Value : null);
    }
}
