using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <summary>A matter as it is now.</summary>
/// <param name="From">The first moment of what it opens, inclusive; null for no bound.</param>
/// <param name="To">The last moment of what it opens, inclusive; null for no bound.</param>
/// <param name="Content">Whether it opens content.</param>
/// <param name="Until">When it ends.</param>
/// <param name="Status"><c>pending</c>, <c>approved</c>, <c>refused</c> or <c>ended</c>.</param>
/// <param name="ApprovedBy">Null before its approval, and where matters need none.</param>
/// <param name="RefusedBy">Null for a matter that was not refused.</param>
public sealed record MatterView(
    Guid MatterId, string Title, string Reason, IReadOnlyList<Guid> ConversationIds, IReadOnlyList<Guid> UserIds,
    DateTimeOffset? From, DateTimeOffset? To, bool Content, Guid RequestedBy, DateTimeOffset RequestedAt,
    DateTimeOffset Until, string Status, Guid? ApprovedBy, Guid? RefusedBy)
{
    internal static MatterView Of(Matter matter, DateTimeOffset now)
    {
        var isRefused = matter.Decision is ApprovalStatus.Refused;
        return new MatterView(
            matter.Id!.Value.Value, matter.Title, matter.Reason, [.. matter.Scope.Conversations.Select(id => id.Value)],
            [.. matter.Scope.Users.Select(id => id.Value)], matter.Scope.From, matter.Scope.To, matter.Content,
            matter.RequestedBy.Value, matter.RequestedAt, matter.Until, Approvals.NameOf(matter.StatusAt(now)),
            isRefused ? null : matter.SettledBy?.Value, isRefused ? matter.SettledBy?.Value : null);
    }
}

/// <summary>The names of what became of matters and holds.</summary>
public static class Approvals
{
    public static readonly IReadOnlyList<string> OfMatters = ["pending", "approved", "refused", "ended"];
    public static readonly IReadOnlyList<string> OfHolds = ["pending", "approved", "refused", "released"];

    internal static string NameOf(ApprovalStatus status) => OfMatters[(int)status];

    internal static string NameOfHold(ApprovalStatus status) => OfHolds[(int)status];
}
