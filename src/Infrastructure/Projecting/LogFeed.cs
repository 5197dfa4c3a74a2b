using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Channel = System.Threading.Channels.Channel;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Reads the log after a position, a few pages ahead. A run holds all events that are waiting, within the limits. So it
/// is bounded by the work that it makes, and not only by its events: one event may touch thousands of views. An event
/// that cannot be decoded is in the run as an <see cref="UnreadableEvent"/>.
/// </summary>
internal sealed class LogFeed : IAsyncDisposable
{
    /// <summary>Events in a run, at most.</summary>
    public const int RunMax = 8_000;

    /// <summary>
    /// Views that the events of a run touch by their size (<see cref="IReadModel.WeightOf"/>), at most; an event that
    /// touches more is a run of its own.
    /// </summary>
    public const int RunViewsMax = 5_000;

    /// <summary>Bytes of events in a run, at most; one event more at worst.</summary>
    private const int RunBytesMax = 16 * 1024 * 1024;

    /// <summary>Pages that are read ahead, at most.</summary>
    private const int PagesAhead = 4;

    private readonly IEventCodec _codec;
    private readonly CancellationTokenSource _stop;
    private readonly Channel<IReadOnlyList<StoredEvent>> _pages =
        Channel.CreateBounded<IReadOnlyList<StoredEvent>>(PagesAhead);

    private readonly Func<Recorded, int> _weightOf;
    private readonly Task _pump;
    private readonly Queue<StoredEvent> _page = [];
    private Task<bool>? _more;

    /// <param name="models">The models that the events are folded into.</param>
    public LogFeed(
        IEventStore store, IEventCodec codec, IReadOnlyList<IReadModel> models, LogPosition after,
        CancellationToken cancellationToken)
    {
        _codec = codec;
        _weightOf = fact => models.Sum(model => model.WeightOf(fact));
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _pump = Task.Run(() => PumpAsync(store, after), CancellationToken.None);
    }

    /// <param name="eventsMax">Events in the run, at most.</param>
    /// <returns>The next run, of at least one event; null if none came within the given time.</returns>
    public async Task<IReadOnlyList<Recorded>?> NextAsync(TimeSpan patience, int eventsMax = RunMax)
    {
        if (_page.Count == 0 && !await HasMoreAsync(patience))
            return null;
        var (facts, bytes, views) = (new List<Recorded>(), 0, 0);
        while (facts.Count < eventsMax && bytes < RunBytesMax && HasRead())
        {
            var stored = _page.Peek();
            var (fact, weight) = Decode(stored);
            views += weight;
            if (views > RunViewsMax && facts.Count > 0)
                break;
            bytes += stored.Size;
            facts.Add(fact);
            _page.Dequeue();
        }

        return facts;
    }

    /// <summary>Whatever the bytes make codec and models throw, it is due to them.</summary>
    private (Recorded Fact, int Weight) Decode(StoredEvent stored)
    {
        try
        {
            var fact = _codec.Decode(stored);
            return (fact, _weightOf(fact));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            var reason = exception.InnerException is { } inner
                ? $"{exception.Message} {inner.Message}"
                : exception.Message;
            return (new Recorded(
                new UnreadableEvent(stored.Type, reason), stored.Stream, stored.Revision, stored.Position,
                stored.EventId, DateTimeOffset.UnixEpoch, new Actor(null, null), ReadOnlyMemory<byte>.Empty), 0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _pump;
        _stop.Dispose();
    }

    private async Task<bool> HasMoreAsync(TimeSpan patience)
    {
        _more ??= _pages.Reader.WaitToReadAsync(_stop.Token).AsTask();
        if (!_more.IsCompleted)
            await Task.WhenAny(_more, Task.Delay(patience, _stop.Token));
        _stop.Token.ThrowIfCancellationRequested();
        if (!_more.IsCompleted)
            return false;
        if (!await _more)
            throw new InvalidOperationException("The log's subscription has ended.");
        _more = null;
        return true;
    }

    /// <summary>Whether an event is there, without waiting for one.</summary>
    private bool HasRead()
    {
        while (_page.Count == 0 && _pages.Reader.TryRead(out var page))
        {
            foreach (var stored in page)
                _page.Enqueue(stored);
        }

        return _page.Count > 0;
    }

    /// <summary>Never throws: an exception completes the channel and reaches its reader.</summary>
    private async Task PumpAsync(IEventStore store, LogPosition after)
    {
        try
        {
            await foreach (var page in store.SubscribeAllAsync(after, _stop.Token))
                await _pages.Writer.WriteAsync(page, _stop.Token);
            _pages.Writer.TryComplete();
        }
        catch (Exception exception)
        {
            _pages.Writer.TryComplete(exception);
        }
    }
}
