using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Finds entries that did not reach this node's sockets. An announcement can be lost: Redis was away, or the writing
/// node died before it announced. Changes that one check sees in the views must have reached the sockets by the next
/// check; the sockets fetch those that did not. A node without others checks only after it dropped a publication
/// itself.
/// </summary>
internal sealed class LiveRecheck(
    OpenSockets sockets, LiveHub hub, INodeBus bus, IInbox inbox, IReadSide readSide, IEventStore log,
    IOptions<LiveOptions> options, TimeProvider clock, ILogger<LiveRecheck> logger) : BackgroundService
{
    /// <summary>The most users of one query.</summary>
    private const int UsersMax = 500;

    /// <summary>The most changed conversations of one query. In the others the next entry shows the gap.</summary>
    private const int ChangesMax = 20_000;

    /// <summary>The most time of a live entry's way; an entry that is missing after it was lost.</summary>
    private static readonly TimeSpan SettledAfter = TimeSpan.FromSeconds(2);

    /// <summary>By how much the clocks of nodes may differ.</summary>
    private static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(1);

    /// <summary>How long to wait for the read side.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    private static readonly Counter<long> Recovered = Telemetry.Meter.CreateCounter<long>(
        "chat.live.recovered", "{conversation}",
        "Conversations in which a socket was missing entries without an announcement.");

    private readonly SemaphoreSlim _requested = new(0, 1);
    private readonly bool _isAlone = bus is NoNodeBus;
    private IReadOnlyList<ChangedItem> _changedAtLastCheck = [];

    /// <summary>Something may have been lost: checks at once, and again after <see cref="SettledAfter"/>.</summary>
    public void Request()
    {
        try
        {
            _requested.Release();
        }
        catch (Exception exception) when (exception is SemaphoreFullException or ObjectDisposedException)
        {
            // A check is requested already, or the node has stopped.
        }
    }

    public override void Dispose()
    {
        _requested.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var since = clock.GetUtcNow();
        while (true)
        {
            var isRequested = await _requested.WaitAsync(options.Value.RecheckEvery, stoppingToken);
            if (hub.TakeDropped())
                isRequested = true;
            if (_isAlone && !isRequested)
            {
                since = clock.GetUtcNow();
                continue;
            }

            try
            {
                since = await CheckAsync(since, stoppingToken);
                if (!isRequested)
                    continue;
                await Task.Delay(SettledAfter, clock, stoppingToken);
                since = await CheckAsync(since, stoppingToken);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogDebug("The check for missing entries is put off: {Reason}", exception.Message);
                if (isRequested)
                    Request();
                await Task.Delay(SettledAfter, clock, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A bug here must not stop the node: the next entry still shows the gap.
                logger.LogError(exception, "The check for missing entries failed.");
                await Task.Delay(SettledAfter, clock, stoppingToken);
            }
        }
    }

    /// <param name="since">The time of the check before.</param>
    /// <returns>The time of this check.</returns>
    private async Task<DateTimeOffset> CheckAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var head = await log.HeadAsync(cancellationToken);
        if (!await readSide.WaitForAsync(head, WaitMax, cancellationToken))
            throw new StoreUnavailableException("The inbox is too far behind.");
        foreach (var item in _changedAtLastCheck)
        {
            foreach (var connection in sockets.Of(item.User))
            {
                if (connection.Miss(item.Conversation, item.LastSeq, head))
                    Recovered.Add(1);
            }
        }

        var changed = new List<ChangedItem>();
        foreach (var users in sockets.Users.Chunk(UsersMax))
            changed.AddRange(await inbox.ChangedAsync(users, since - SkewMax, ChangesMax, cancellationToken));
        _changedAtLastCheck = changed;
        return now;
    }
}
