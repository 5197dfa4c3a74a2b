using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Finds what was lost on its way to this node's sockets: an announcement that never came, because Redis was away or because the node that wrote died before it told
/// anybody. What the views showed at one look must have reached the sockets by the next; what has not, they fetch. A node that is alone looks only after it
/// had to drop something itself.
/// </summary>
internal sealed class LiveRecheck(
    LiveHub hub, INodeBus bus, IInbox inbox, IReadSide readSide, IEventStore log, IOptions<LiveOptions> options, TimeProvider clock,
    ILogger<LiveRecheck> logger) : BackgroundService
{
    /// <summary>How many users are looked for at once.</summary>
    private const int UsersMax = 500;

    /// <summary>How many of their conversations are looked at; beyond it, the next entry shows the gap.</summary>
    private const int ChangesMax = 20_000;

    /// <summary>After so long, what was recorded must have come by itself.</summary>
    private static readonly TimeSpan Settles = TimeSpan.FromSeconds(2);

    /// <summary>By how much the clocks of nodes may differ.</summary>
    private static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan BehindMax = TimeSpan.FromSeconds(5);

    private static readonly Counter<long> Recovered =
        Telemetry.Meter.CreateCounter<long>("chat.live.recovered", "{conversation}", "Conversations in which a socket was missing entries that nobody had told it of.");

    private readonly SemaphoreSlim _asked = new(0, 1);
    private readonly bool _alone = bus is NoNodeBus;
    private IReadOnlyList<ChangedItem> _seen = [];

    /// <summary>Something may have been lost: looks at once, and again when what is on its way has arrived.</summary>
    public void Ask()
    {
        try
        {
            _asked.Release();
        }
        catch (Exception exception) when (exception is SemaphoreFullException or ObjectDisposedException)
        {
            // It was asked already, or the node has stopped.
        }
    }

    public override void Dispose()
    {
        _asked.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var since = clock.GetUtcNow();
        while (true)
        {
            var asked = await _asked.WaitAsync(options.Value.RecheckEvery, stoppingToken);
            if (hub.TakeDropped())
                asked = true;
            if (_alone && !asked)
            {
                since = clock.GetUtcNow();
                continue;
            }

            try
            {
                since = await LookAsync(since, stoppingToken);
                if (!asked)
                    continue;
                await Task.Delay(Settles, clock, stoppingToken);
                since = await LookAsync(since, stoppingToken);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogDebug("What sockets are missing is looked for later: {Reason}", exception.Message);
                if (asked)
                    Ask();
                await Task.Delay(Settles, clock, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                logger.LogError(exception, "What sockets are missing could not be looked for."); // A mistake of ours; the next entry shows a gap all the same.
                await Task.Delay(Settles, clock, stoppingToken);
            }
        }
    }

    /// <returns>Up to when everything that was recorded has been looked at.</returns>
    private async Task<DateTimeOffset> LookAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var head = await log.HeadAsync(cancellationToken);
        if (!await readSide.WaitForAsync(head, BehindMax, cancellationToken))
            throw new StoreUnavailableException("The inbox is too far behind.");
        foreach (var item in _seen)
        {
            foreach (var connection in hub.Of(item.User))
            {
                if (connection.Miss(item.Conversation, item.LastSeq, head))
                    Recovered.Add(1);
            }
        }

        var changed = new List<ChangedItem>();
        foreach (var users in hub.Users.Chunk(UsersMax))
            changed.AddRange(await inbox.ChangedAsync(users, since - SkewMax, ChangesMax, cancellationToken));
        _seen = changed;
        return now;
    }
}
