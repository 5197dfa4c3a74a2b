using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Channel = System.Threading.Channels.Channel;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A run of decoded events.</summary>
/// <param name="Poison">Why the next event cannot be decoded; null if it can.</param>
internal sealed record FeedRun(IReadOnlyList<Recorded> Facts, FormatException? Poison);

/// <summary>
/// Reads the log after a position, a few pages ahead. A run holds all events that are waiting, within the limits.
/// </summary>
internal sealed class LogFeed : IAsyncDisposable
{
    /// <summary>Events in a run, at most; one page more at worst.</summary>
    public const int RunMax = 8_000;

    /// <summary>Bytes of events in a run, at most; one page more at worst.</summary>
    private const int RunBytesMax = 16 * 1024 * 1024;

    /// <summary>Pages that are read ahead, at most.</summary>
    private const int PagesAhead = 4;

    private readonly IEventCodec _codec;
    private readonly CancellationTokenSource _stop;
    private readonly Channel<IReadOnlyList<StoredEvent>> _pages =
        Channel.CreateBounded<IReadOnlyList<StoredEvent>>(PagesAhead);

    private readonly Task _pump;
    private Task<bool>? _more;

    public LogFeed(IEventStore store, IEventCodec codec, LogPosition after, CancellationToken cancellationToken)
    {
        _codec = codec;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _pump = Task.Run(() => PumpAsync(store, after), CancellationToken.None);
    }

    /// <returns>The next run; null if none came within the given time.</returns>
    public async Task<FeedRun?> NextAsync(TimeSpan patience)
    {
        _more ??= _pages.Reader.WaitToReadAsync(_stop.Token).AsTask();
        if (!_more.IsCompleted)
            await Task.WhenAny(_more, Task.Delay(patience, _stop.Token));
        _stop.Token.ThrowIfCancellationRequested();
        if (!_more.IsCompleted)
            return null;
        if (!await _more)
            throw new InvalidOperationException("The log's subscription has ended.");
        _more = null;
        var (facts, bytes) = (new List<Recorded>(), 0);
        while (facts.Count < RunMax && bytes < RunBytesMax && _pages.Reader.TryRead(out var page))
        {
            foreach (var stored in page)
            {
                bytes += stored.Size;
                try
                {
                    facts.Add(_codec.Decode(stored));
                }
                catch (FormatException exception)
                {
                    var message = $"The event {stored.EventId} ({stored.Type}) at {stored.Position} cannot be read";
                    return new FeedRun(facts, new FormatException($"{message}: {exception.Message}", exception));
                }
            }
        }

        return new FeedRun(facts, Poison: null);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _pump;
        _stop.Dispose();
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
