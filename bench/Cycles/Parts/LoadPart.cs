using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Measuring;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench.Parts;

/// <summary>Figures of a span of load. CPU and allocation are microseconds and bytes per complete cycle.</summary>
/// <param name="LagP99">The read side's lag in seconds; null if the server has no such metric.</param>
internal sealed record LoadFigures(
    double CyclesPerSecond, double ServerCpu, double PostgresCpu, double EventStoreCpu, double GeneratorCpu,
    double OthersShare, double? Allocated, double? LagP99, LoadStatistics Statistics)
{
    public double Cpu => ServerCpu + PostgresCpu + EventStoreCpu;
}

/// <summary>Messages under load: at saturation, or at a fixed rate.</summary>
internal static class LoadPart
{
    private const string AllocatedMetric = "dotnet_gc_heap_total_allocated_bytes_total";
    private const string LagMetric = "chat_projection_lag_seconds";
    private const string Talk = "What we say to each other, more or less. ";
    private const int OpeningAtOnce = 10;
    private static readonly TimeSpan ReadyMost = TimeSpan.FromSeconds(30);

    private sealed record Moment(long At, CpuSample Cpu, Metrics Metrics);

    /// <param name="rate">Messages a second; null for as many as the server can do.</param>
    public static async Task<LoadFigures> RunAsync(ServerUnderTest server, BenchOptions options, int? rate)
    {
        using var registrar = new Registrar(server.Url);
        var accounts = await registrar.RegisterAsync(2 * options.Pairs);
        var conversations = await registrar.PairUpAsync(accounts);

        using var loop = new EventLoop();
        var statistics = new LoadStatistics();
        var text = string.Concat(Enumerable.Repeat(Talk, 1 + options.TextBytes / Talk.Length))[..options.TextBytes];
        LoadTarget Target(int i) =>
            new(
                server.EndPoint, conversations[i], accounts[2 * i].Token, accounts[2 * i + 1].Token, text,
                options.Reads);
        var pairs = new List<Pair>();
        for (var i = 0; i < options.Pairs; i++)
        {
            pairs.Add(new Pair(i, loop, Target(i), statistics));
            var earlier = pairs.Take(i + 1 < options.Pairs ? i - OpeningAtOnce : options.Pairs);
            var inTime = loop.TurnUntil(() => earlier.All(p => p.IsReady) || statistics.Violations > 0, ReadyMost);
            if (!inTime || statistics.Violations > 0)
            {
                throw new InvalidOperationException(
                    $"The sockets did not get ready. {string.Join(' ', statistics.Examples)}");
            }
        }

        Task<Moment>? start = null, end = null;
        var driver = new Driver(loop, pairs, statistics);
        void AtStart() => start = Task.Run(() => NowAsync(server));
        void AtEnd() => end = Task.Run(() => NowAsync(server));
        if (rate is { } messages)
        {
            driver.Pace(messages, options.WarmUp, options.Span, AtStart, AtEnd);
        }
        else
        {
            driver.Saturate(options.InFlight, options.WarmUp, options.Span, AtStart, AtEnd);
        }

        return Figures(await start!, await end!, statistics);
    }

    private static LoadFigures Figures(Moment start, Moment end, LoadStatistics statistics)
    {
        var (cpu, span, cycles) = (end.Cpu - start.Cpu, Clock.Span(end.At - start.At), Math.Max(1, statistics.Cycles));
        return new LoadFigures(
            statistics.Cycles / span.TotalSeconds,
            cpu.Server.TotalMicroseconds / cycles, cpu.Postgres.TotalMicroseconds / cycles,
            cpu.EventStore.TotalMicroseconds / cycles, cpu.Generator.TotalMicroseconds / cycles,
            cpu.Others / span / Environment.ProcessorCount,
            (end.Metrics.Sum(AllocatedMetric) - start.Metrics.Sum(AllocatedMetric)) / cycles,
            end.Metrics.Quantile(LagMetric, 0.99, start.Metrics), statistics);
    }

    private static async Task<Moment> NowAsync(ServerUnderTest server)
    {
        var (at, cpu) = (Clock.Now, CpuSample.Take(server.Process, server.PostgresProcess, server.EventStoreProcess));
        return new Moment(at, cpu, await Metrics.ScrapeAsync(server.Url));
    }
}
