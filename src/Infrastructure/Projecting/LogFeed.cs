using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Channel = System.Threading.Channels.Channel;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A run of decoded events.</summary>
/// <param name="Poison">Why the event after them cannot be decoded; null when it can.</param>
internal sealed record FeedRun(IReadOnlyList<Recorded> Facts, FormatException? Poison);

/// <summary>The log after a position, read ahead by a few pages and handed over in runs that are as long as what waits.</summary>
internal sealed class LogFeed : IAsyncDisposable
{
    /// <summary>How many events a run has at most, give or take a page.</summary>
    public const int RunMax = 8_000;

    /// <summary>How many bytes of events a run has at most, give or take a page.</summary>
    private const int RunBytesMax = 16 * 1024 * 1024;

    /// <summary>How many pages wait to be taken.</summary>
    private const int PagesAhead = 4;

    private readonly IEventCodec _codec;
    private readonly CancellationTokenSource _stop;
    private readonly Channel<IReadOnlyList<StoredEvent>> _pages = Channel.CreateBounded<IReadOnlyList<StoredEvent>>(PagesAhead);
    private readonly Task _pump;
    private Task<bool>? _more;

    public LogFeed(IEventStore store, IEventCodec codec, LogPosition after, CancellationToken cancellationToken)
    {
        _codec = codec;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _pump = Task.Run(() => PumpAsync(store, after), CancellationToken.None);
    }

    /// <summary>The next run, as soon as there is one; null when nothing came for a while.</summary>
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
                    return new FeedRun(facts, new FormatException(
                        $"The event {stored.EventId} ({stored.Type}) at {stored.Position} cannot be read: {exception.Message}", exception));
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

    /// <summary>Ends with the channel: what goes wrong comes out at its other end.</summary>
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
