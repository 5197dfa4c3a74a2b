using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>Nobody but the leader who built the tables, and still leads, puts them into place.</summary>
public sealed class DeposedLeaderTests : ProjectingTest
{
    private readonly UserId[] _users = [.. Enumerable.Range(0, 8).Select(_ => History.SomeUser())];

    [Fact]
    public async Task On_an_idle_log_a_deposed_leader_does_not_switch_and_the_new_ones_half_built_tables_stay()
    {
        var history = new History(Log);
        await using (var node = await StartNodeAsync())
        {
            await history.HappenAsync(_users, 200);
            await node.CaughtUpAsync(history.Head);
        }

        var before = await Views.DumpAsync();
        await using var database = new ReadModelDatabase(
            new NpgsqlConnectionStringBuilder(Database.ConnectionString) { SearchPath = "chat" });
        var deposed = await TakeUpAsync(database);
        await BuildAsync(deposed.Epoch, "true");
        var leader = await TakeUpAsync(database);
        await BuildAsync(leader.Epoch, "seq % 2 = 0");
        Assert.Equal(deposed.Position, leader.Position);

        await using (var shadow = await Shadow.OpenAsync(database, deposed.Epoch, default))
        {
            await Assert.ThrowsAsync<CheckpointMovedException>(
                () => shadow.SwitchAsync(Model, new SetAside(), deposed.Position, default));
        }

        await Shadow.DropAsync(database, deposed.Epoch, default);
        Assert.Equal(before, await Views.DumpAsync());
        Assert.Equal([Shadow.NameOf(leader.Epoch)], await Views.TextsAsync(
            "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'chat_rebuild%'"));
        Assert.NotEqual(0, await Views.NumberAsync(
            $"SELECT count(*) FROM {Shadow.NameOf(leader.Epoch)}.message_ids"));
    }

    [Fact]
    public async Task A_build_whose_hold_on_truncations_has_ended_starts_again()
    {
        var history = new History(Log);
        await using var node = await StartNodeAsync();
        await history.HappenAsync(_users, 200);
        await node.CaughtUpAsync(history.Head);
        await Views.ExecuteAsync("COMMENT ON TABLE chat.timeline IS 'the old one'");
        await using (var source = NpgsqlDataSource.Create(Database.ConnectionString))
        await using (var reader = await source.OpenConnectionAsync())
        await using (var transaction = await reader.BeginTransactionAsync())
        {
            await using var look = new NpgsqlCommand("SELECT count(*) FROM chat.timeline", reader);
            await look.ExecuteScalarAsync();
            await node.Get<IProjections>().RebuildAsync("timeline", CancellationToken.None);
            await Eventually.IsTrue(
                async () => await Views.WaitingForLocksAsync() > 0, "the change waits for the reader");
            var held = await SessionAsync();
            await Views.KillAsync(Shadow.ApplicationName);
            await Eventually.IsTrue(
                async () => await SessionAsync() is { } next && next != held, "the build has started again");
            Assert.NotEqual(0, await OldOnesAsync());
        }

        await Eventually.IsTrue(async () => await OldOnesAsync() == 0, "the tables have changed places");
        Assert.Equal(await UndisturbedAsync(history), await Views.DumpAsync());
    }

    private static IReadModel Model => ReadModelFactory.Create("timeline");

    private static Task<TakenUp> TakeUpAsync(ReadModelDatabase database) => Checkpoint.TakeUpAsync(
        database.Source, ReadModelFactory.Names, ReadModelFactory.BeforeNotes, CancellationToken.None);

    /// <summary>Tables as a build has filled them so far.</summary>
    private async Task BuildAsync(long epoch, string rows)
    {
        var schema = Shadow.NameOf(epoch);
        await Views.ExecuteAsync($"CREATE SCHEMA {schema}");
        foreach (var table in Model.Tables.Select(table => table.Name))
        {
            await Views.ExecuteAsync($"CREATE TABLE {schema}.{table} (LIKE chat.{table} INCLUDING ALL)");
            if (table is "timeline" or "message_ids")
                await Views.ExecuteAsync($"INSERT INTO {schema}.{table} SELECT * FROM chat.{table} WHERE {rows}");
        }
    }

    private async Task<string?> SessionAsync() => (await Views.TextsAsync(
        $"""
        SELECT pid || ' since ' || backend_start FROM pg_stat_activity
        WHERE application_name = '{Shadow.ApplicationName}' AND datname = current_database()
        """)).SingleOrDefault();

    private Task<long> OldOnesAsync() => Views.NumberAsync(
        "SELECT count(*) FROM pg_class WHERE obj_description(oid, 'pg_class') = 'the old one'");
}
