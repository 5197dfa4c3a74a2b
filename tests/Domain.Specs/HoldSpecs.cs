using ChatCqrs.Domain.Auditing;
using static ChatCqrs.Domain.Auditing.AuditEvent;

namespace ChatCqrs.Domain.Specs;

public sealed class HoldSpecs
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly UserId Ann = new(new Guid("00000000-0000-7000-8000-00000000000a"));
    private static readonly UserId Ben = new(new Guid("00000000-0000-7000-8000-00000000000b"));
    private static readonly HoldId Id = new(new Guid("00000000-0000-7000-8000-000000000001"));
    private static readonly AuditScope Scope = new([], [Ben], null, null);
    private static readonly HoldPlaced Placed = new(Id, Ann, null, Scope, "Reason", Now.AddDays(90)) { At = Now };
    private static readonly HoldApproved Approved = new(Id, Ben) { At = Now };
    private static readonly HoldRefused Refused = new(Id, Ben) { At = Now };
    private static readonly HoldReleased Released = new(Id, Ann) { At = Now };

    [Fact]
    public void It_holds_from_its_placing_on_until_it_is_refused_or_released()
    {
        Assert.False(Hold.NotPlaced.Holds);
        Assert.True(Given(Placed).Holds);
        Assert.True(Given(Placed, Approved).Holds);
        Assert.False(Given(Placed, Refused).Holds);
        Assert.False(Given(Placed, Released).Holds);
        Assert.False(Given(Placed, Approved, Released).Holds);
    }

    [Fact]
    public void Somebody_else_approves_or_refuses_it()
    {
        Assert.Equal([Placed], When(Place()));
        Assert.Equal([Placed, Approved with { By = null }], When(Place(withoutApproval: true)));
        Assert.Equal([Approved], When(new HoldCommand.Settle(Ben, true), Placed));
        Assert.Equal([Refused], When(new HoldCommand.Settle(Ben, false), Placed));
        Assert.Equal(Refusal.SelfApproval, RefusedWhen(new HoldCommand.Settle(Ann, true), Placed));
    }

    [Fact]
    public void What_is_settled_stays_so()
    {
        Assert.Empty(When(new HoldCommand.Settle(Ben, true), Placed, Approved));
        Assert.Equal(Refusal.AlreadySettled, RefusedWhen(new HoldCommand.Settle(Ben, false), Placed, Approved));
        Assert.Equal(Refusal.AlreadySettled, RefusedWhen(new HoldCommand.Settle(Ben, true), Placed, Released));
        Assert.Equal(Refusal.AlreadySettled, RefusedWhen(new HoldCommand.Settle(Ben, false), Placed, Released));
    }

    [Fact]
    public void It_is_released_once()
    {
        Assert.Equal([Released], When(new HoldCommand.Release(Ann), Placed));
        Assert.Equal([Released], When(new HoldCommand.Release(Ann), Placed, Approved));
        Assert.Empty(When(new HoldCommand.Release(Ann), Placed, Released));
        Assert.Empty(When(new HoldCommand.Release(Ann), Placed, Refused));
        Assert.Equal(Refusal.HoldUnknown, RefusedWhen(new HoldCommand.Release(Ann)));
    }

    private static HoldCommand.Place Place(bool withoutApproval = false) =>
        new(Id, Ann, null, Scope, "Reason", Now.AddDays(90), withoutApproval);

    private static Hold Given(params AuditEvent[] events) => events.Aggregate(Hold.NotPlaced, Hold.Evolve);

    private static IReadOnlyList<AuditEvent> When(HoldCommand command, params AuditEvent[] given) =>
        Hold.Decide(Given(given), command, Now);

    private static Refusal RefusedWhen(HoldCommand command, params AuditEvent[] given) =>
        Assert.Throws<RefusedException>(() => When(command, given)).Refusal;
}
