using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Measuring;
using ChatCqrs.Bench.Systems;
using Npgsql;

namespace ChatCqrs.Bench.Parts;

/// <summary>What a sweep of many due messages took, and what others felt of it.</summary>
/// <param name="Started">From when the messages were due until the first had gone: the clock's own pace.</param>
/// <param name="Span">From then until the last had gone.</param>
/// <param name="Calm">Latencies at the same rate before.</param>
/// <param name="Swept">Latencies from when they were due on.</param>
/// <param name="MemoryBefore">What the server alone has in RAM, in bytes.</param>
/// <param name="MemoryPeak">The most it was while it swept.</param>
internal sealed record SweepFigures(
    int Messages, TimeSpan Started, TimeSpan Span, LoadStatistics Calm, LoadStatistics Swept, long MemoryBefore, long MemoryPeak);

/// <summary>Many messages whose time is up all at once, while other people go on writing at a fixed rate.</summary>
internal static class SweepPart
{
    /// <summary>How many conversations the due messages are in.</summary>
    private const int Conversations = 100;

    private const int InFlight = 4;
    private static readonly TimeSpan FillMost = TimeSpan.FromMinutes(10), SweepMost = TimeSpan.FromMinutes(10), ReadyMost = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    /// <summary>From the warm-up's end until the messages are due, less what it takes to say so to each of them.</summary>
    private static readonly TimeSpan DueAfter = TimeSpan.FromSeconds(5);

    /// <summary>What the server must be started with, so that due messages are looked for often.</summary>
    public static readonly (string Name, string Value)[] Settings = [("Retention__SweepEvery", "00:00:01")];

    public static async Task<SweepFigures> RunAsync(ServerUnderTest server, BenchOptions options)
    {
        using var registrar = new Registrar(server.Url);
        var accounts = await registrar.RegisterAsync(2 * Conversations);
        var conversations = await registrar.PairUpAsync(accounts);
        Fill(server, options, accounts, conversations);

        await using var database = NpgsqlDataSource.Create(server.Postgres ?? throw new InvalidOperationException("The sweep is watched in PostgreSQL: --postgres must name it."));
        var calm = await PacedAsync(server, options, () => Task.CompletedTask, () => { });
        Task<(TimeSpan Started, TimeSpan Span, long Before, long Peak)>? watching = null;
        var due = DateTime.MaxValue;
        var swept = await PacedAsync(
            server, options, async () => await MakeDueAsync(database, conversations, due = DateTime.UtcNow + options.WarmUp + DueAfter),
            () => watching = Task.Run(() => WatchAsync(server, database, options.Due, due)));
        var seen = await watching!;
        return new SweepFigures(options.Due, seen.Started, seen.Span, calm, swept, seen.Before, seen.Peak);
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

        if (!loop.TurnUntil(() => statistics.CyclesEver >= options.Due || statistics.Violations > 0, FillMost) || statistics.Violations > 0)
        {
            throw new InvalidOperationException($"The messages were not taken. {string.Join(' ', statistics.Examples)}");
        }
    }

    /// <summary>Behind the server's back, and before anything is measured: as if the messages had been sent thirty days ago.</summary>
    private static async Task MakeDueAsync(NpgsqlDataSource database, Guid[] conversations, DateTime due)
    {
        await using var command = database.CreateCommand(
            "UPDATE chat.timeline SET kept_until = $2 WHERE conversation_id = ANY ($1) AND kept_until IS NOT NULL");
        command.Parameters.Add(new() { Value = conversations });
        command.Parameters.Add(new() { Value = due });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Other people write for the measured span, at the fixed rate.</summary>
    private static async Task<LoadStatistics> PacedAsync(ServerUnderTest server, BenchOptions options, Func<Task> beforehand, Action atStart)
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
        EventLoop loop, ServerUnderTest server, BenchOptions options, Account[] accounts, Guid[] conversations, LoadStatistics statistics)
    {
        var pairs = new List<Pair>();
        for (var i = 0; i < conversations.Length; i++)
        {
            var target = new LoadTarget(
                server.EndPoint, conversations[i], accounts[2 * i].Token, accounts[2 * i + 1].Token, new string('x', options.TextBytes), options.Reads);
            pairs.Add(new Pair(i, loop, target, statistics));
        }

        return loop.TurnUntil(() => pairs.TrueForAll(pair => pair.IsReady) || statistics.Violations > 0, ReadyMost) && statistics.Violations == 0
            ? pairs
            : throw new InvalidOperationException($"The sockets did not get ready. {string.Join(' ', statistics.Examples)}");
    }

    private static async Task<(TimeSpan Started, TimeSpan Span, long Before, long Peak)> WatchAsync(
        ServerUnderTest server, NpgsqlDataSource database, int count, DateTime due)
    {
        var (begin, first, before) = (Clock.Now, 0L, ProcFs.PrivateMemoryOf(server.Process));
        var (peak, started) = (before, TimeSpan.Zero);
        while (Clock.Span(Clock.Now - begin) < SweepMost)
        {
            await using var command = database.CreateCommand("SELECT count(*) FROM chat.timeline WHERE expired_at IS NOT NULL");
            var gone = (long)(await command.ExecuteScalarAsync())!;
            peak = Math.Max(peak, ProcFs.PrivateMemoryOf(server.Process));
            if (first == 0 && gone > 0)
            {
                (first, started) = (Clock.Now, DateTime.UtcNow - due);
            }

            if (gone >= count)
            {
                return (started, Clock.Span(Clock.Now - first), before, peak);
            }

            await Task.Delay(Look);
        }

        throw new InvalidOperationException($"The sweep was not done within {SweepMost.TotalMinutes} minutes.");
    }
}
