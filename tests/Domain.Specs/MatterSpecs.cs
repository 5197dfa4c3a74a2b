using ChatCqrs.Domain.Auditing;
using static ChatCqrs.Domain.Auditing.AuditEvent;

namespace ChatCqrs.Domain.Specs;

public sealed class MatterSpecs
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly UserId Ann = new(new Guid("00000000-0000-7000-8000-00000000000a"));
    private static readonly UserId Ben = new(new Guid("00000000-0000-7000-8000-00000000000b"));
    private static readonly UserId Cat = new(new Guid("00000000-0000-7000-8000-00000000000c"));
    private static readonly MatterId Id = new(new Guid("00000000-0000-7000-8000-000000000001"));
    private static readonly AuditScope Scope = new([], [Ben], null, null);

    private static readonly MatterRequested Requested =
        new(Id, Ann, "Title", "Reason", Scope, Content: true, Now.AddDays(3)) { At = Now };

    private static readonly MatterApproved Approved = new(Id, Ben) { At = Now };
    private static readonly MatterRefused Refused = new(Id, Ben) { At = Now };

    [Fact]
    public void A_matter_waits_for_its_approval()
    {
        Assert.Equal([Requested], When(Now, Request()));
        Assert.Equal(ApprovalStatus.Pending, Given(Requested).StatusAt(Now));
    }

    [Fact]
    public void Without_approval_it_is_open_at_once_and_nobody_has_approved_it() =>
        Assert.Equal([Requested, Approved with { By = null }], When(Now, Request(withoutApproval: true)));

    [Fact]
    public void Somebody_else_approves_or_refuses_it()
    {
        Assert.Equal([Approved], When(Now, new MatterCommand.Settle(Ben, true), Requested));
        Assert.Equal([Refused], When(Now, new MatterCommand.Settle(Ben, false), Requested));
        Assert.Equal(Refusal.SelfApproval, RefusedWhen(Now, new MatterCommand.Settle(Ann, true), Requested));
        Assert.Equal(Refusal.SelfApproval, RefusedWhen(Now, new MatterCommand.Settle(Ann, false), Requested));
    }

    [Fact]
    public void The_same_decision_again_changes_nothing_and_another_one_is_refused()
    {
        Assert.Empty(When(Now, new MatterCommand.Settle(Cat, true), Requested, Approved));
        Assert.Empty(When(Now, new MatterCommand.Settle(Cat, false), Requested, Refused));
        Assert.Equal(
            Refusal.AlreadySettled, RefusedWhen(Now, new MatterCommand.Settle(Cat, false), Requested, Approved));
        Assert.Equal(
            Refusal.AlreadySettled, RefusedWhen(Now, new MatterCommand.Settle(Cat, true), Requested, Refused));
    }

    [Fact]
    public void It_ends_by_its_time_whether_that_is_noted_or_not()
    {
        var matter = Given(Requested, Approved);
        Assert.Equal(ApprovalStatus.Approved, matter.StatusAt(Now.AddDays(3).AddTicks(-1)));
        Assert.Equal(ApprovalStatus.Ended, matter.StatusAt(Now.AddDays(3)));
        Assert.Equal(ApprovalStatus.Ended, Given(Requested).StatusAt(Now.AddDays(3)));
        Assert.Equal(ApprovalStatus.Refused, Given(Requested, Refused).StatusAt(Now.AddDays(9)));
        Assert.Equal(
            Refusal.MatterEnded, RefusedWhen(Now.AddDays(3), new MatterCommand.Settle(Ben, true), Requested));
    }

    [Fact]
    public void Its_end_is_noted_once_and_not_before()
    {
        var ended = new MatterEnded(Id) { At = Now.AddDays(3) };
        Assert.Empty(When(Now, new MatterCommand.End(), Requested, Approved));
        Assert.Equal([ended], When(Now.AddDays(3), new MatterCommand.End(), Requested, Approved));
        Assert.Empty(When(Now.AddDays(4), new MatterCommand.End(), Requested, Approved, ended));
        Assert.Empty(When(Now.AddDays(4), new MatterCommand.End(), Requested, Refused));
    }

    [Fact]
    public void An_unknown_matter_is_refused() =>
        Assert.Equal(Refusal.MatterUnknown, RefusedWhen(Now, new MatterCommand.Settle(Ben, true)));

    private static MatterCommand.Request Request(bool withoutApproval = false) =>
        new(Id, Ann, "Title", "Reason", Scope, true, Now.AddDays(3), withoutApproval);

    private static Matter Given(params AuditEvent[] events) => events.Aggregate(Matter.NotRequested, Matter.Evolve);

    private static IReadOnlyList<AuditEvent> When(
        DateTimeOffset now, MatterCommand command, params AuditEvent[] given) =>
        Matter.Decide(Given(given), command, now);

    private static Refusal RefusedWhen(DateTimeOffset now, MatterCommand command, params AuditEvent[] given) =>
        Assert.Throws<RefusedException>(() => When(now, command, given)).Refusal;
}
