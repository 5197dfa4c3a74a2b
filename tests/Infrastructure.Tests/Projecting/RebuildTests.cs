using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;
using Marten;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>A rebuild gives the same views, and readers do not notice it.</summary>
public sealed class RebuildTests : ProjectingTest
{
    private readonly UserId[] _users = [.. Enumerable.Range(0, 8).Select(_ => History.SomeUser())];

    public static TheoryData<string> Names => [.. ReadModelFactory.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_rebuild_gives_the_same_views_though_the_log_goes_on(string name)
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        await history.RegisterAsync(_users[0]);
        await history.HappenAsync(_users, 1_500);
        await WriteAndEraseAsync(history, History.SomeUser());
        await node.CaughtUpAsync(history.Head);
        var comments = TablesOf(name).Select(table => $"COMMENT ON TABLE chat.{table} IS 'the old one'");
        await Views.ExecuteAsync(string.Join(';', comments));

        Assert.True(await node.Get<IProjections>().RebuildAsync(name, CancellationToken.None));
        await Eventually.IsTrue(async () =>
        {
            await history.HappenAsync(_users, 20);
            return !(await OldOnesAsync()).Any();
        }, "the tables have changed places");
        await history.HappenAsync(_users, 200);
        await node.CaughtUpAsync(history.Head);
        await Eventually.IsTrue(async () => await node.StateAsync(name) == "running", "the rebuild has ended");

        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
        await node.Get<IDocumentStore>().Storage.Database.AssertDatabaseMatchesConfigurationAsync();
    }

    [Fact]
    public async Task A_rebuild_needs_no_new_event_and_survives_the_end_of_its_node()
    {
        var history = new History(Log);
        await using (var first = await StartNodeAsync())
        {
            await history.HappenAsync(_users, 1_000);
            await first.CaughtUpAsync(history.Head);
        }

        var before = await Views.DumpAsync();
        await Views.ExecuteAsync(
            "COMMENT ON TABLE chat.timeline IS 'the old one'; DELETE FROM chat.timeline WHERE seq % 3 = 0; "
            + "INSERT INTO chat.checkpoints VALUES ('rebuild:timeline', 0, 0, now()); "
            + "CREATE SCHEMA chat_rebuild; CREATE TABLE chat_rebuild.timeline (of_a_rebuild_that_was_cut_short int); "
            + "CREATE SCHEMA chat_rebuild_1; CREATE TABLE chat_rebuild_1.timeline (of_an_earlier_leader int)");
        await using var second = await StartNodeAsync();
        await Eventually.IsTrue(async () => !(await OldOnesAsync()).Any(), "the tables have changed places");
        Assert.Equal(before, await Views.DumpAsync());
        await Eventually.IsTrue(
            async () => await Views.NumberAsync(
                "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'chat_rebuild%'") == 0,
            "the shadows are gone");
    }

    [Fact]
    public async Task A_rebuild_waits_for_a_reader_and_readers_do_not_wait_for_it()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        await history.HappenAsync(_users, 200);
        await node.CaughtUpAsync(history.Head);
        await Views.ExecuteAsync("COMMENT ON TABLE chat.timeline IS 'the old one'");
        await using (var source = Npgsql.NpgsqlDataSource.Create(Database.ConnectionString))
        await using (var reader = await source.OpenConnectionAsync())
        await using (var transaction = await reader.BeginTransactionAsync())
        {
            await using var look = new Npgsql.NpgsqlCommand("SELECT count(*) FROM chat.timeline", reader);
            await look.ExecuteScalarAsync();
            await node.Get<IProjections>().RebuildAsync("timeline", CancellationToken.None);
            await Eventually.IsTrue(
                async () => await Views.WaitingForLocksAsync() > 0,
                "the change waits for the reader");
            await history.HappenAsync(_users, 20);
            await node.CaughtUpAsync(history.Head);
            Assert.NotEmpty(await OldOnesAsync());
        }

        await Eventually.IsTrue(async () => !(await OldOnesAsync()).Any(), "the tables have changed places");
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    [Fact]
    public async Task What_a_rebuild_takes_over_may_take_its_time_and_ends_with_the_node()
    {
        await using var node = await Node.StartAsync(Database, Log, commandTimeout: 2);
        await node.CaughtUpAsync(LogPosition.Start);
        await using var source = Npgsql.NpgsqlDataSource.Create(Database.ConnectionString);
        await using var slow = await source.OpenConnectionAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await using (var hold = new Npgsql.NpgsqlCommand("LOCK TABLE chat.message_ids", slow))
            await hold.ExecuteNonQueryAsync();

        Assert.True(await node.Get<IProjections>().RebuildAsync("timeline", CancellationToken.None));
        await Eventually.IsTrue(() => TakesOverAsync(since: 3), "it takes over what it waits for");
        await node.DisposeAsync().AsTask().WaitAsync(Eventually.Deadline);
        await Eventually.IsTrue(async () => !await TakesOverAsync(since: 0), "it has ended");

        async Task<bool> TakesOverAsync(int since) => await Views.NumberAsync(
            $"""
            SELECT count(*) FROM pg_stat_activity
            WHERE application_name = '{ReadModelDatabase.ApplicationName}' AND datname = current_database()
            AND state = 'active' AND query LIKE 'INSERT INTO chat_rebuild_%.message_ids%' AND query_start < now() - interval '{since} s'
            """) > 0;
    }

    [Fact]
    public async Task Nobody_rebuilds_what_is_not_there()
    {
        await using var node = await StartNodeAsync();
        Assert.False(await node.Get<IProjections>().RebuildAsync("nothing", CancellationToken.None));
    }

    private Task<List<string>> OldOnesAsync() =>
        Views.TextsAsync("SELECT relname::text FROM pg_class WHERE obj_description(oid, 'pg_class') = 'the old one'");

    private static IEnumerable<string> TablesOf(string name) =>
        ReadModelFactory.Create(name).Tables.Select(table => table.Name);

    /// <summary>The last conversation is started by a request that was under way at the erasure.</summary>
    private async Task WriteAndEraseAsync(History history, UserId gone)
    {
        await history.SendAsync(await history.StartAsync(gone, _users[0]), gone);
        await history.EraseAsync(gone);
        await history.SendAsync(await history.StartAsync(gone, _users[1]), gone);
    }
}
