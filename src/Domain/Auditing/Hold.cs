using static ChatCqrs.Domain.Auditing.AuditEvent;
using static ChatCqrs.Domain.Auditing.HoldCommand;

namespace ChatCqrs.Domain.Auditing;

/// <summary>
/// A legal hold: from its placing on, what it covers is neither truncated nor made unreadable, until it is refused or
/// released.
/// </summary>
/// <param name="Id">Null before it was placed.</param>
/// <param name="SettledBy">Who approved or refused it; null before, and where holds need no approval.</param>
/// <param name="ReviewAt">When somebody should ask whether it is still needed, UTC.</param>
public sealed record Hold(
    HoldId? Id, UserId PlacedBy, MatterId? Matter, AuditScope Scope, string Reason, DateTimeOffset PlacedAt,
    DateTimeOffset ReviewAt, UserId? SettledBy, ApprovalStatus Status)
{
    public static readonly Hold NotPlaced = new(
        null, default, null, new AuditScope([], [], null, null), "", default, default, null, ApprovalStatus.Pending);

    /// <summary>Whether it keeps what it covers.</summary>
    public bool Holds => Id is not null && Status is ApprovalStatus.Pending or ApprovalStatus.Approved;

    /// <summary>Returns the events that a command leads to; none if the state already is as asked.</summary>
    /// <exception cref="RefusedException">The command is refused.</exception>
    public static IReadOnlyList<AuditEvent> Decide(Hold state, HoldCommand command, DateTimeOffset now) =>
        command switch
        {
            Place when state.Id is not null => [],
            Place c => Placed(c, now),
            _ when state.Id is null => throw new RefusedException(Refusal.HoldUnknown),
            Settle c when c.By == state.PlacedBy => throw new RefusedException(Refusal.SelfApproval),
            Settle c when state.Status is not ApprovalStatus.Pending =>
                state.Status is not ApprovalStatus.Ended && (state.Status is ApprovalStatus.Approved) == c.Approve
                    ? [] // A retry is not an error.
                    : throw new RefusedException(Refusal.AlreadySettled),
            Settle { Approve: true } c => [new HoldApproved(state.Id.Value, c.By) { At = now }],
            Settle c => [new HoldRefused(state.Id.Value, c.By) { At = now }],
            Release when !state.Holds => [], // A retry is not an error.
            Release c => [new HoldReleased(state.Id.Value, c.By) { At = now }],
            _ => throw new ArgumentOutOfRangeException(nameof(command)),
        };

    public static Hold Evolve(Hold state, AuditEvent @event) => @event switch
    {
        HoldPlaced e => new Hold(
            e.Hold, e.By, e.Matter, e.Scope, e.Reason, e.At, e.ReviewAt, null, ApprovalStatus.Pending),
        HoldApproved e => state with { Status = ApprovalStatus.Approved, SettledBy = e.By },
        HoldRefused e => state with { Status = ApprovalStatus.Refused, SettledBy = e.By },
        HoldReleased => state with { Status = ApprovalStatus.Ended },
        _ => state,
    };

    private static AuditEvent[] Placed(Place c, DateTimeOffset now)
    {
        var placed = new HoldPlaced(c.Hold, c.By, c.Matter, c.Scope, c.Reason, c.ReviewAt) { At = now };
        return c.WithoutApproval ? [placed, new HoldApproved(c.Hold, By: null) { At = now }] : [placed];
    }
}
