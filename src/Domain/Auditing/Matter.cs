using static ChatCqrs.Domain.Auditing.AuditEvent;
using static ChatCqrs.Domain.Auditing.MatterCommand;

namespace ChatCqrs.Domain.Auditing;

/// <summary>
/// An auditor's request to open content: why, of which conversations, and until when. Somebody else approves it.
/// </summary>
/// <param name="Id">Null before the request.</param>
/// <param name="SettledBy">Who approved or refused it; null before, and where matters need no approval.</param>
/// <param name="Until">When it ends, UTC, whether or not anything notes its end.</param>
/// <param name="Decision">What was decided, without regard to the time; see <see cref="StatusAt"/>.</param>
/// <param name="IsEndNoted">Whether the log notes its end.</param>
public sealed record Matter(
    MatterId? Id, UserId RequestedBy, string Title, string Reason, AuditScope Scope, bool Content,
    DateTimeOffset RequestedAt, DateTimeOffset Until, UserId? SettledBy, ApprovalStatus Decision, bool IsEndNoted)
{
    /// <summary>The longest time from the request to the end.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromDays(30);

    public static readonly Matter NotRequested = new(
        null, default, "", "", new AuditScope([], [], null, null), false, default, default, null,
        ApprovalStatus.Pending, false);

    public ApprovalStatus StatusAt(DateTimeOffset now) =>
        Decision is ApprovalStatus.Refused || now < Until ? Decision : ApprovalStatus.Ended;

    /// <summary>Returns the events that a command leads to; none if the state already is as asked.</summary>
    /// <exception cref="RefusedException">The command is refused.</exception>
    public static IReadOnlyList<AuditEvent> Decide(Matter state, MatterCommand command, DateTimeOffset now) =>
        command switch
        {
            Request when state.Id is not null => [],
            Request c => Requested(c, now),
            _ when state.Id is null => throw new RefusedException(Refusal.MatterUnknown),
            Settle c when c.By == state.RequestedBy => throw new RefusedException(Refusal.SelfApproval),
            Settle when state.StatusAt(now) is ApprovalStatus.Ended =>
                throw new RefusedException(Refusal.MatterEnded),
            Settle c when state.Decision is not ApprovalStatus.Pending =>
                (state.Decision is ApprovalStatus.Approved) == c.Approve
                    ? [] // A retry is not an error.
                    : throw new RefusedException(Refusal.AlreadySettled),
            Settle { Approve: true } c => [new MatterApproved(state.Id.Value, c.By) { At = now }],
            Settle c => [new MatterRefused(state.Id.Value, c.By) { At = now }],
            End when state.IsEndNoted || state.StatusAt(now) is not ApprovalStatus.Ended => [],
            End => [new MatterEnded(state.Id.Value) { At = now }],
            _ => throw new ArgumentOutOfRangeException(nameof(command)),
        };

    public static Matter Evolve(Matter state, AuditEvent @event) => @event switch
    {
        MatterRequested e => new Matter(
            e.Matter, e.By, e.Title, e.Reason, e.Scope, e.Content, e.At, e.Until, null, ApprovalStatus.Pending, false),
        MatterApproved e => state with { Decision = ApprovalStatus.Approved, SettledBy = e.By },
        MatterRefused e => state with { Decision = ApprovalStatus.Refused, SettledBy = e.By },
        MatterEnded => state with { IsEndNoted = true },
        _ => state,
    };

    private static AuditEvent[] Requested(Request c, DateTimeOffset now)
    {
        var requested = new MatterRequested(c.Matter, c.By, c.Title, c.Reason, c.Scope, c.Content, c.Until)
        { At = now };
        return c.WithoutApproval ? [requested, new MatterApproved(c.Matter, By: null) { At = now }] : [requested];
    }
}

/// <summary>What became of a matter or a hold.</summary>
public enum ApprovalStatus
{
    /// <summary>Nobody has approved it.</summary>
    Pending,

    Approved,

    Refused,

    /// <summary>A matter's time is over, or a hold was released.</summary>
    Ended,
}
