using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;
using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>Each event takes effect exactly once, whichever connection or node ends.</summary>
public sealed class RunnerTests : ProjectingTest
{
    private readonly UserId[] _users = [.. Enumerable.Range(0, 8).Select(_ => History.SomeUser())];

    [Fact]
    public async Task Whatever_is_killed_each_event_takes_effect_once()
    {
        var history = new History(Log);
        await using (var node = await StartNodeAsync())
        {
            for (var round = 0; round < 12; round++)
            {
                await history.HappenAsync(_users, 300);
                await (round % 4 == 3 ? Views.KillLeaderLockAsync() : Views.KillRunnerAsync());
            }

            await node.CaughtUpAsync(history.Head);
            await Eventually.IsTrue(async () => await node.StateAsync() == "running", "the runner runs again");
        }

        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public async Task The_embedded_log_and_its_views_survive_the_end_of_every_session()
    {
        await using var node = await Node.StartAsync(Database, log: null);
        var history = new History(node.Get<IEventStore>());
        await history.HappenAsync(_users, 200);
        await Views.ExecuteAsync(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """);
        await history.HappenAsync(_users, 200);
        await node.CaughtUpAsync(history.Head);
        var entries = history.Facts.Count(
            fact => fact.Stream.StartsWith(StreamName.ConversationPrefix, StringComparison.Ordinal));
        Assert.Equal(entries, await Views.NumberAsync("SELECT count(*) FROM chat.timeline"));
    }

    [Fact]
    public async Task Another_node_takes_over()
    {
        var history = new History(Log);
        var first = await StartNodeAsync();
        await history.HappenAsync(_users, 100);
        await first.CaughtUpAsync(history.Head);
        await using var second = await StartNodeAsync();
        await second.CaughtUpAsync(history.Head); // The second node polls the checkpoint.
        Assert.Equal("running", await second.StateAsync());

        await first.DisposeAsync();
        await history.HappenAsync(_users, 100);
        await second.CaughtUpAsync(history.Head);
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public async Task Two_who_both_think_that_they_lead_do_not_both_commit()
    {
        await using var node = await StartNodeAsync();
        await node.CaughtUpAsync(LogPosition.Start);
        await LeaderHasBegunAsync();

        var epoch = await Views.EpochAsync();
        var first = await ReadModelTransaction.BeginAsync(
            node.Live(epoch), default, new LogPosition(5), 0, default);
        var second = ReadModelTransaction.BeginAsync(node.Live(epoch), default, new LogPosition(6), 0, default);
        await Eventually.IsTrue(
            async () => await Views.WaitingForLocksAsync() == 1,
            "the second waits for the first");
        await first.CommitAsync(default);
        await first.DisposeAsync();
        await Assert.ThrowsAsync<CheckpointMovedException>(() => second);
    }

    [Fact]
    public async Task A_deposed_leader_commits_nothing_though_nothing_has_happened_since()
    {
        await using (var first = await StartNodeAsync())
            await LeaderHasBegunAsync();
        var deposed = await Views.EpochAsync();
        await using var node = await StartNodeAsync();
        await Eventually.IsTrue(async () => await Views.EpochAsync() > deposed, "another leader has taken up");
        var source = node.Get<ReadModelDatabase>().Source;

        await Assert.ThrowsAsync<CheckpointMovedException>(
            () => ReadModelTransaction.BeginAsync(node.Live(deposed), default, new LogPosition(5), 0, default));
        await Assert.ThrowsAsync<CheckpointMovedException>(
            () => Checkpoint.TouchAsync(source, deposed, LogPosition.Start, 0, default));
    }

    [Fact]
    public async Task A_statement_of_the_runner_may_take_longer_than_those_that_somebody_waits_for()
    {
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { CommandTimeout = 1 };
        await using var database = new ReadModelDatabase(settings);
        await using var slow = database.Source.CreateCommand("SELECT pg_sleep(2)");

        await slow.ExecuteNonQueryAsync();
    }

    [Theory]
    [InlineData("off", "on")]
    [InlineData("local", "local")]
    [InlineData("remote_apply", "remote_apply")]
    public async Task The_runner_commits_durably_whatever_the_database_is_set_to(string set, string used)
    {
        await Views.ExecuteAsync(
            $"""
            DO $$ BEGIN
                EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {set}', current_database());
            END $$
            """);
        await using var node = await StartNodeAsync();
        await LeaderHasBegunAsync();

        await using var transaction = await ReadModelTransaction.BeginAsync(
            node.Live(await Views.EpochAsync()), default, new LogPosition(5), 0, default);

        await using var command = transaction.Session.Command("SHOW synchronous_commit");
        Assert.Equal(used, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Who_waits_while_the_database_is_away_is_told()
    {
        await using var source = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Timeout=1");
        var readSide = new ReadSide(source);
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => readSide.WaitForAsync(new LogPosition(1), Eventually.Deadline, CancellationToken.None));
    }

    [Fact]
    public async Task A_second_start_finds_the_schema_as_it_should_be()
    {
        await using (await StartNodeAsync())
        {
        }

        await using var node = await StartNodeAsync();
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    private Task LeaderHasBegunAsync() => Eventually.IsTrue(
        async () => await Views.NumberAsync("SELECT count(*) FROM chat.checkpoints") == 1, "the leader has begun");
}
