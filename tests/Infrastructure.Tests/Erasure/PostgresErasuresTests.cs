using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Erasure;
using ChatCqrs.Infrastructure.Tests.Accounts;

namespace ChatCqrs.Infrastructure.Tests.Erasure;

public sealed class PostgresErasuresTests(AccountsDatabase database) : IClassFixture<AccountsDatabase>
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public async Task What_was_asked_for_is_pending_until_it_is_finished_oldest_first()
    {
        var erasures = new PostgresErasures(database.Source);
        UserId[] users = [.. Enumerable.Range(0, 3).Select(_ => new UserId(Guid.CreateVersion7()))];
        var (ann, ben, cid) = (users[0], users[1], users[2]);
        await erasures.RequestAsync(ben, Now.AddMinutes(1), default);
        await erasures.RequestAsync(ann, Now, default);
        await erasures.RequestAsync(cid, Now.AddMinutes(2), default);

        await erasures.RequestAsync(ann, Now.AddHours(1), default);

        Assert.Equal([(ann, Now), (ben, Now.AddMinutes(1)), (cid, Now.AddMinutes(2))], await PendingAsync(10));
        Assert.Equal([(ann, Now)], await PendingAsync(1));
        var afterAnn = await erasures.PendingAsync(new PendingErasure(ann, Now), 1, default);
        Assert.Equal([ben], afterAnn.Select(pending => pending.User));
        await erasures.FinishAsync(ann, default);
        await erasures.FinishAsync(ann, default);
        Assert.Equal([ben, cid], (await PendingAsync(10)).Select(pending => pending.User));

        async Task<IEnumerable<(UserId User, DateTimeOffset At)>> PendingAsync(int limit) =>
            (await erasures.PendingAsync(null, limit, default)).Select(erasure => (erasure.User, erasure.RequestedAt));
    }
}
