using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench.Parts;

/// <summary>Figures of a large group, and its effect on others.</summary>
/// <param name="DeliveriesPerSecond">Deliveries to members while the writer waits only for the last member.</param>
/// <param name="Paced">The group at a fixed rate, while others write.</param>
/// <param name="Calm">Latencies of others without the group.</param>
/// <param name="Meanwhile">Latencies of others while the group is written to.</param>
internal sealed record FanOutFigures(
    int Members, int Rate, double DeliveriesPerSecond, Crowd Paced, LoadStatistics Calm, LoadStatistics Meanwhile,
    LoadStatistics Group);

/// <summary>A group of many online members, and pairs of other people who write at a fixed rate.</summary>
internal static class FanOutPart
{
    private const int InFlight = 4;
    private static readonly TimeSpan ReadyMost = TimeSpan.FromSeconds(60), DrainMost = TimeSpan.FromSeconds(20);

    public static async Task<FanOutFigures> RunAsync(ServerUnderTest server, BenchOptions options)
    {
        using var registrar = new Registrar(server.Url);
        var calm = await PairsAsync(server, options);
        var accounts = await registrar.RegisterAsync(options.Members);
        var group = await registrar.GroupAsync(accounts);
        var statistics = new LoadStatistics();
        using var loop = new EventLoop();
        var crowd = new Crowd(
            loop, server.EndPoint, group, accounts, new string('x', options.TextBytes), statistics,
            condition => loop.TurnUntil(condition, ReadyMost));
        var deliveries = Saturate(loop, crowd, options);

        using var stop = new CancellationTokenSource();
        var pacing = Task.Run(() => Pace(loop, crowd, options.GroupRate, stop.Token));
        var meanwhile = await PairsAsync(server, options);
        await stop.CancelAsync();
        await pacing;
        if (!loop.TurnUntil(() => crowd.UnderWay == 0, DrainMost))
        {
            statistics.Violation(
                $"{crowd.UnderWay} messages did not reach every member {DrainMost.TotalSeconds} s after the end");
        }

        return new FanOutFigures(options.Members, options.GroupRate, deliveries, crowd, calm, meanwhile, statistics);
    }

    private static double Saturate(EventLoop loop, Crowd crowd, BenchOptions options)
    {
        crowd.Completed = () => crowd.Send(Clock.Now);
        for (var i = 0; i < InFlight; i++)
        {
            crowd.Send(Clock.Now);
        }

        loop.TurnUntil(() => false, options.WarmUp);
        var start = Clock.Now;
        crowd.Measuring = true;
        loop.TurnUntil(() => false, options.Span);
        crowd.Measuring = false;
        var deliveries = crowd.Deliveries / Clock.Span(Clock.Now - start).TotalSeconds;
        crowd.Completed = null;
        loop.TurnUntil(() => crowd.UnderWay == 0, DrainMost);
        crowd.ToLast.Clear();
        crowd.AckToLast.Clear();
        return deliveries;
    }

    private static void Pace(EventLoop loop, Crowd crowd, int rate, CancellationToken stop)
    {
        crowd.Measuring = true;
        var interval = Clock.Ticks(TimeSpan.FromSeconds(1)) / rate;
        for (var due = Clock.Now; !stop.IsCancellationRequested; due += interval)
        {
            while (Clock.Now < due)
            {
                loop.Turn(Clock.Span(due - Clock.Now));
            }

            crowd.Send(due);
        }

        crowd.Measuring = false;
    }

    private static async Task<LoadStatistics> PairsAsync(ServerUnderTest server, BenchOptions options)
    {
        using var registrar = new Registrar(server.Url);
        var accounts = await registrar.RegisterAsync(2 * options.Pairs);
        var conversations = await registrar.PairUpAsync(accounts);
        using var loop = new EventLoop();
        var statistics = new LoadStatistics();
        var text = new string('x', options.TextBytes);
        var pairs = Enumerable.Range(0, options.Pairs).Select(i => new Pair(i, loop, Target(i), statistics)).ToList();
        loop.TurnUntil(() => pairs.TrueForAll(pair => pair.IsReady) || statistics.Violations > 0, ReadyMost);
        if (!pairs.TrueForAll(pair => pair.IsReady) || statistics.Violations > 0)
        {
            throw new InvalidOperationException(
                $"The sockets did not get ready. {string.Join(' ', statistics.Examples)}");
        }

        new Driver(loop, pairs, statistics).Pace(options.Rate, options.WarmUp, options.Span, () => { }, () => { });
        return statistics;

        LoadTarget Target(int i) => new(
            server.EndPoint, conversations[i], accounts[2 * i].Token, accounts[2 * i + 1].Token, text, options.Reads);
    }
}
