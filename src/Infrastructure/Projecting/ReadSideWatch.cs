using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Hosting;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Shows on every node how far the read side is behind, and how many streams are set aside, in metrics that alerts can
/// rest on: they rise also while nothing is folded, and while nothing can be asked.
/// </summary>
internal sealed class ReadSideWatch : BackgroundService
{
    internal static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly IProjections _projections;
    private readonly TimeProvider _clock;
    private volatile Seen _seen;

    public ReadSideWatch(IProjections projections, TimeProvider clock)
    {
        _projections = projections;
        _clock = clock;
        _seen = new Seen(0, 0, clock.GetTimestamp());
        Telemetry.Meter.CreateObservableGauge(
            "chat.projection.behind", () => BehindSeconds, "s", "Seconds that the views are behind the log.");
        Telemetry.Meter.CreateObservableGauge(
            "chat.projection.set_aside", () => _seen.SetAside, "{stream}",
            "Streams whose views end before an event that could not be read or folded.");
    }

    /// <summary>
    /// The lag that was last seen; and, from the second look on that did not succeed, the time since then besides.
    /// </summary>
    internal double BehindSeconds
    {
        get
        {
            var seen = _seen;
            var age = _clock.GetElapsedTime(seen.At);
            return age > 2 * Every ? seen.Lag + age.TotalSeconds : seen.Lag;
        }
    }

    internal long SetAsideStreams => _seen.SetAside;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, _clock);
        try
        {
            do
                await LookAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The node stops.
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            var states = await _projections.StatesAsync(cancellationToken);
            var aside = await _projections.SetAsideAsync(limit: 1, cancellationToken);
            _seen = new Seen(states.Max(state => state.LagSeconds), aside.Count, _clock.GetTimestamp());
        }
        catch (StoreUnavailableException)
        {
            // What was seen last gets older, which shows.
        }
    }

    private sealed record Seen(double Lag, long SetAside, long At);
}
