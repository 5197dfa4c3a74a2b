using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

/// <summary>
/// The cost of a read depends on the result, not on the size of the log; even with a prepared statement's generic plan.
/// </summary>
public sealed class LogPlansTests(LogDatabase database) : IClassFixture<LogDatabase>, IAsyncLifetime
{
    private readonly LogReader _reader = new(database.Source);

    public async Task InitializeAsync()
    {
        var store = database.Store();
        for (var round = 0; round < 10; round++)
        {
            StreamAppend[] appends =
            [
                .. Enumerable.Range(0, 200)
                    .Select(_ => new StreamAppend(Some.Stream(), StreamAppend.NoStream, Some.Events(10))),
            ];
            await store.AppendAsync(appends, CancellationToken.None);
        }

        await database.ExecuteAsync("ANALYZE chat.log_events, chat.log_streams");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public Task The_whole_log_is_walked_along_its_positions() =>
        AssertAsync(_reader.PageQuery, "bigint", "0", "log_events_position");

    [Fact]
    public Task A_stream_is_walked_along_its_revisions_forwards() =>
        AssertAsync(_reader.ForwardsQuery, "text, bigint, int", "'conversation-x', 0, 10", "log_events_stream");

    [Fact]
    public Task A_stream_is_walked_along_its_revisions_backwards() =>
        AssertAsync(_reader.BackwardsQuery, "text, bigint, int", "'conversation-x', 9, 10", "log_events_stream");

    /// <summary>Only the new events themselves are sorted.</summary>
    [Fact]
    public async Task New_events_are_found_along_the_positions_and_their_streams_by_key()
    {
        var plan = await PlanAsync(_reader.ChangesQuery, "bigint, int", "0, 100");

        Assert.True(plan.Contains("log_events_position", StringComparison.Ordinal), plan);
        Assert.True(plan.Contains("log_streams_key", StringComparison.Ordinal), plan);
        Assert.DoesNotContain("Seq Scan", plan);
        Assert.DoesNotContain("Hash Join", plan);
    }

    [Fact]
    public Task Ends_of_metadata_are_found_along_the_positions() =>
        AssertAsync(_reader.EndsQuery, "bigint, bigint, int", "0, 1000, 100", "log_events_position");

    [Fact]
    public Task Names_of_streams_are_found_by_key() =>
        AssertAsync(_reader.NamesQuery, "bigint[]", "ARRAY[7::bigint]", "log_streams_key");

    [Fact]
    public async Task Ends_of_single_events_are_looked_up_by_stream_and_revision()
    {
        var plan = await PlanAsync(
            _reader.EndsOfQuery, "text[], bigint[]", "ARRAY['conversation-x'], ARRAY[7::bigint]");

        Assert.True(plan.Contains("log_streams_name", StringComparison.Ordinal), plan);
        Assert.True(plan.Contains("log_events_stream", StringComparison.Ordinal), plan);
        Assert.DoesNotContain("Seq Scan", plan);
    }

    private async Task AssertAsync(string sql, string types, string values, string index)
    {
        var text = await PlanAsync(sql, types, values);
        Assert.True(text.Contains(index, StringComparison.Ordinal), text);
        Assert.DoesNotContain("Seq Scan", text);
        Assert.DoesNotContain("Sort", text);
    }

    private async Task<string> PlanAsync(string sql, string types, string values)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            $"""
            SET plan_cache_mode = force_generic_plan; PREPARE walk({types}) AS {sql}; EXPLAIN EXECUTE walk({values})
            """,
            connection);
        var plan = new List<string>();
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
                plan.Add(reader.GetString(0));
        }

        return string.Join('\n', plan);
    }
}
