using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Measuring;
using ChatCqrs.Bench.Systems;
using Npgsql;

namespace ChatCqrs.Bench.Parts;

/// <summary>Figures of a sweep of many due messages, and its effect on others.</summary>
/// <param name="Started">From the due time until the first message is gone: the scheduler's pace.</param>
/// <param name="Span">From the first message gone until the last.</param>
/// <param name="Calm">Latencies of others at the same rate before the sweep.</param>
/// <param name="Swept">Latencies of others during the sweep.</param>
/// <param name="MemoryBefore">The server's private memory before, in bytes.</param>
/// <param name="MemoryPeak">The server's peak private memory during the sweep, in bytes.</param>
/// <param name="Staying">
/// The bytes that stay of a message for ever, its place and its id, indexes included, once its log is truncated.
/// </param>
/// <param name="Moved">From the last message gone until all but each author's last have their narrow rows.</param>
internal sealed record SweepFigures(
    int Messages, TimeSpan Started, TimeSpan Span, LoadStatistics Calm, LoadStatistics Swept, long MemoryBefore,
    long MemoryPeak, double Staying, TimeSpan Moved);

/// <summary>Many messages expire at once while other people write at a fixed rate.</summary>
internal static class SweepPart
{
    /// <summary>The number of conversations that hold the due messages.</summary>
    private const int Conversations = 100;

    private const int InFlight = 4;
    private static readonly TimeSpan FillMost = TimeSpan.FromMinutes(10), SweepMost = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ReadyMost = TimeSpan.FromSeconds(30), PollEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// From the end of the warm-up until the messages are due, less the time that setting their due time takes.
    /// </summary>
    private static readonly TimeSpan DueAfter = TimeSpan.FromSeconds(5);

    /// <summary>Settings of the server: sweep every second.</summary>
    public static readonly (string Name, string Value)[] Settings = [("Retention__SweepEvery", "00:00:01")];

    public static async Task<SweepFigures> RunAsync(ServerUnderTest server, BenchOptions options)
    {
        using var registrar = new Registrar(server.Url);
        var accounts = await registrar.RegisterAsync(2 * Conversations);
        var conversations = await registrar.PairUpAsync(accounts);
        Fill(server, options, accounts, conversations);

        var postgres = server.Postgres
            ?? throw new InvalidOperationException("The sweep is watched in PostgreSQL: --postgres must name it.");
        await using var database = NpgsqlDataSource.Create(postgres);
        var calm = await PacedAsync(server, options, () => Task.CompletedTask, () => { });
        Task<(TimeSpan Started, TimeSpan Span, long Before, long Peak, TimeSpan Moved)>? watching = null;
        var due = DateTime.MaxValue;
        var swept = await PacedAsync(
            server, options,
            async () => await MakeDueAsync(database, conversations, due = DateTime.UtcNow + options.WarmUp + DueAfter),
            () => watching = Task.Run(() => WatchAsync(server, database, options.Due, due)));
        var seen = await watching!;
        return new SweepFigures(
            options.Due, seen.Started, seen.Span, calm, swept, seen.Before, seen.Peak,
            await StayingAsync(database, "gone_messages") + await StayingAsync(database, "gone_authors"), seen.Moved);
    }

    /// <summary>
    /// Copies a table into a new one with the same indexes, in the order in which sweeps write it, and measures that:
    /// without dead rows.
    /// </summary>
    /// <returns>Bytes a gone message.</returns>
    private static async Task<double> StayingAsync(NpgsqlDataSource database, string table)
    {
        await using var command = database.CreateCommand(
            $"""
            CREATE SCHEMA IF NOT EXISTS bench_staying;
            CREATE TABLE bench_staying.{table} (LIKE chat.{table} INCLUDING ALL);
            INSERT INTO bench_staying.{table} SELECT * FROM chat.{table} ORDER BY 1, 2;
            SELECT pg_total_relation_size('bench_staying.{table}')::float8 / count(*) FROM chat.gone_messages;
            """);
        return (double)(await command.ExecuteScalarAsync())!;
    }

    private static void Fill(ServerUnderTest server, BenchOptions options, Account[] accounts, Guid[] conversations)
    {
        using var loop = new EventLoop();
        var statistics = new LoadStatistics();
        var pairs = Open(loop, server, options, accounts, conversations, statistics);
        var sent = 0;
        void Next(Pair pair)
        {
            if (sent++ < options.Due)
            {
                pair.Send(Clock.Now);
            }
        }

        foreach (var pair in pairs)
        {
            pair.Completed = Next;
            for (var i = 0; i < InFlight; i++)
            {
                Next(pair);
            }
        }

        loop.TurnUntil(() => statistics.CyclesEver >= options.Due || statistics.Violations > 0, FillMost);
        if (statistics.CyclesEver < options.Due || statistics.Violations > 0)
        {
            throw new InvalidOperationException(
                $"The messages were not stored. {string.Join(' ', statistics.Examples)}");
        }
    }

    /// <summary>Makes messages due directly in PostgreSQL, as if they had been sent thirty days ago.</summary>
    private static async Task MakeDueAsync(NpgsqlDataSource database, Guid[] conversations, DateTime due)
    {
        await using var command = database.CreateCommand(
            "UPDATE chat.timeline SET kept_until = $2 WHERE conversation_id = ANY ($1) AND kept_until IS NOT NULL");
        command.Parameters.Add(new() { Value = conversations });
        command.Parameters.Add(new() { Value = due });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Other people write at the fixed rate for the measured span.</summary>
    private static async Task<LoadStatistics> PacedAsync(
        ServerUnderTest server, BenchOptions options, Func<Task> beforehand, Action atStart)
    {
        using var registrar = new Registrar(server.Url);
        var accounts = await registrar.RegisterAsync(2 * options.Pairs);
        var conversations = await registrar.PairUpAsync(accounts);
        using var loop = new EventLoop();
        var statistics = new LoadStatistics();
        var pairs = Open(loop, server, options, accounts, conversations, statistics);
        await beforehand();
        new Driver(loop, pairs, statistics).Pace(options.Rate, options.WarmUp, options.Span, atStart, () => { });
        return statistics;
    }

    private static List<Pair> Open(
        EventLoop loop, ServerUnderTest server, BenchOptions options, Account[] accounts, Guid[] conversations,
        LoadStatistics statistics)
    {
        var text = new string('x', options.TextBytes);
        var pairs = new List<Pair>();
        for (var i = 0; i < conversations.Length; i++)
        {
            var target = new LoadTarget(
                server.EndPoint, conversations[i], accounts[2 * i].Token, accounts[2 * i + 1].Token, text,
                options.Reads);
            pairs.Add(new Pair(i, loop, target, statistics));
        }

        loop.TurnUntil(() => pairs.TrueForAll(pair => pair.IsReady) || statistics.Violations > 0, ReadyMost);
        return pairs.TrueForAll(pair => pair.IsReady) && statistics.Violations == 0
            ? pairs
            : throw new InvalidOperationException(
                $"The sockets did not get ready. {string.Join(' ', statistics.Examples)}");
    }

    private static async Task<(TimeSpan Started, TimeSpan Span, long Before, long Peak, TimeSpan Moved)> WatchAsync(
        ServerUnderTest server, NpgsqlDataSource database, int count, DateTime due)
    {
        var (begin, first, last, before) = (Clock.Now, 0L, 0L, ProcFs.PrivateMemoryOf(server.Process));
        var (peak, started) = (before, TimeSpan.Zero);
        while (Clock.Span(Clock.Now - begin) < SweepMost)
        {
            await using var command = database.CreateCommand(
                """
                SELECT (SELECT count(*) FROM chat.timeline WHERE expired_at IS NOT NULL), (SELECT count(*) FROM chat.gone_messages)
                """);
            await using var row = await command.ExecuteReaderAsync();
            await row.ReadAsync();
            var (moved, gone) = (row.GetInt64(1), row.GetInt64(0) + row.GetInt64(1));
            peak = Math.Max(peak, ProcFs.PrivateMemoryOf(server.Process));
            if (first == 0 && gone > 0)
            {
                (first, started) = (Clock.Now, DateTime.UtcNow - due);
            }

            if (last == 0 && gone >= count)
            {
                last = Clock.Now;
            }

            if (last != 0 && moved >= count - (2 * Conversations)) // Each author's last one stays where it is.
            {
                return (started, Clock.Span(last - first), before, peak, Clock.Span(Clock.Now - last));
            }

            await Task.Delay(PollEvery);
        }

        throw new InvalidOperationException($"The sweep was not done within {SweepMost.TotalMinutes} minutes.");
    }
}
