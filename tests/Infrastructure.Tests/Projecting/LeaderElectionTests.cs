using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

public sealed class LeaderElectionTests : IAsyncLifetime
{
    private TestDatabase? _database;
    private Views? _views;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        _views = new Views(_database);
    }

    public async Task DisposeAsync()
    {
        await _views!.DisposeAsync();
        await _database!.DisposeAsync();
    }

    [Fact]
    public async Task A_follower_tries_on_one_session_and_takes_over_when_the_leader_ends()
    {
        await using var first = Election();
        await using var second = Election();
        var leader = await first.TryLeadAsync(CancellationToken.None);
        Assert.NotNull(leader);
        Assert.Null(await second.TryLeadAsync(CancellationToken.None));
        var sessions = await SessionsAsync();
        Assert.Equal(2, sessions.Count);

        for (var attempt = 0; attempt < 5; attempt++)
            Assert.Null(await second.TryLeadAsync(CancellationToken.None));
        Assert.Equal(sessions, await SessionsAsync());

        await leader.DisposeAsync();
        await using var next = await TakeAsync(second);
        await Eventually.IsTrue(async () => (await SessionsAsync()).Count == 1, "the first leader's session has ended");
        Assert.Contains(Assert.Single(await SessionsAsync()), sessions);
    }

    [Fact]
    public async Task A_session_that_breaks_is_replaced()
    {
        await using var first = Election();
        await using var second = Election();
        await using var leader = await first.TryLeadAsync(CancellationToken.None);
        Assert.NotNull(leader);
        Assert.Null(await second.TryLeadAsync(CancellationToken.None));

        await _views!.KillLeaderLockAsync(); // Kills the sessions of both nodes.
        await Eventually.IsTrue(async () => (await SessionsAsync()).Count == 0, "both sessions have ended");

        await using var next = await second.TryLeadAsync(CancellationToken.None);
        Assert.NotNull(next);
        await Eventually.IsTrue(() => leader.Lost.IsCancellationRequested, "the first leader has noticed");
        Assert.False(next.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_database_that_cannot_be_reached_is_an_error_and_not_a_leader_elsewhere()
    {
        await using var election = new LeaderElection("Host=127.0.0.1;Port=1;Timeout=1");

        await Assert.ThrowsAsync<Npgsql.NpgsqlException>(() => election.TryLeadAsync(CancellationToken.None));
    }

    private LeaderElection Election() => new(_database!.ConnectionString);

    /// <summary>The server ends a session, and releases its lock, soon after the client has closed it.</summary>
    private static async Task<LeaderLock> TakeAsync(LeaderElection election)
    {
        LeaderLock? taken = null;
        await Eventually.IsTrue(
            async () => (taken ??= await election.TryLeadAsync(CancellationToken.None)) is not null,
            "the lock is free");
        return taken!;
    }

    /// <summary>The backends of this database's elections.</summary>
    private Task<List<string>> SessionsAsync() => _views!.TextsAsync(
        $"""
        SELECT pid || ' since ' || backend_start FROM pg_stat_activity
        WHERE application_name = '{LeaderLock.ApplicationName}' AND datname = current_database() ORDER BY 1
        """);
}
