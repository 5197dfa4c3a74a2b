using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Reads the event log from one position to the next, each event once, and makes heads of their bytes. Consecutive
/// parts are read by one subscription.
/// </summary>
internal sealed class LogWalk(IEventStore store) : IAsyncDisposable
{
    /// <summary>How long the log may show nothing, although there are events.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);

    private readonly Queue<StoredEvent> _ahead = new(); // The rest of a page.
    private IAsyncEnumerator<IReadOnlyList<StoredEvent>>? _pages;
    private CancellationTokenSource? _stop;
    private LogPosition _read; // Of the last event that was read.
    private LogPosition _taken; // Of the last event that was taken.

    /// <summary>The heads of the events between two positions.</summary>
    /// <exception cref="FormatException">An event has other bytes than its hash says.</exception>
    public async Task<IEnumerable<Opening>> HeadsAsync(
        LogPosition after, LogPosition through, CancellationToken cancellationToken)
    {
        var (builder, altered) = (new BatchBuilder(), (StoredEvent?)null);
        var last = await store.HeadAsync(cancellationToken); // There, the subscription would wait for new events.
        await SeekAsync(after);
        while (true)
        {
            var page = TakeThrough(through).Where(stored => stored.Position > after).ToList();
            altered ??= page.Find(stored => !IsWhole(stored));
            if (page.Count > 0 && altered is null)
                builder.Add(EndsOf(page));
            if (_read >= through || _read >= last)
                break;
            await ReadAsync(cancellationToken);
        }

        return altered is null
            ? builder.Build()
            : throw new FormatException($"{altered.Stream} has other bytes at revision {altered.Revision}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_pages is null)
            return;
        await _stop!.CancelAsync();
        await _pages.DisposeAsync();
        _stop.Dispose();
        (_pages, _stop) = (null, null);
    }

    private IEnumerable<StoredEvent> TakeThrough(LogPosition through)
    {
        while (_ahead.TryPeek(out var next) && next.Position <= through)
        {
            _taken = next.Position;
            yield return _ahead.Dequeue();
        }
    }

    private async Task SeekAsync(LogPosition after)
    {
        if (_pages is not null && _taken <= after)
            return;
        await DisposeAsync();
        _ahead.Clear();
        _stop = new CancellationTokenSource();
        _pages = store.SubscribeAllAsync(after, _stop.Token).GetAsyncEnumerator(_stop.Token);
        (_read, _taken) = (after, after);
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SilenceMax);
        await using var stop = limit.Token.Register(_stop!.Cancel);
        try
        {
            if (!await _pages!.MoveNextAsync())
                throw new StoreUnavailableException("The subscription to the event log has ended.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreUnavailableException("The event log does not show its last event.");
        }

        foreach (var stored in _pages.Current)
            _ahead.Enqueue(stored);
        _read = _pages.Current[^1].Position;
    }

    private static bool IsWhole(StoredEvent stored)
    {
        try
        {
            return EventChain.Holds(EventChain.PreviousOf(stored.Metadata.Span), stored);
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static LogEnds EndsOf(List<StoredEvent> page) => new(
        [
            .. page.GroupBy(stored => stored.Stream, StringComparer.Ordinal).Select(events => new StreamEnds(
                events.Key, events.First().Revision, [.. events.Select(stored => EventEnd.Of(stored.Metadata))])),
        ],
        page[^1].Position, IsFull: false);
}
