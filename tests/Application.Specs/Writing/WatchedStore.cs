using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// A node's view of a log: counts what is asked of it, and can hold appends back or get in their way.
/// </summary>
internal sealed class WatchedStore(IEventStore log) : IEventStore
{
    private volatile TaskCompletionSource? _held;

    /// <summary>The appends that came through, each with its streams.</summary>
    public ConcurrentQueue<IReadOnlyList<StreamAppend>> Appends { get; } = [];

    /// <summary>Streams that were read, and from which revision.</summary>
    public ConcurrentQueue<(string Stream, long From)> Reads { get; } = [];

    /// <summary>How often the log's end was asked for.</summary>
    public int Heads => Volatile.Read(ref _heads);

    /// <summary>Happens before whoever asks for the log's end is answered.</summary>
    public Func<Task>? BeforeHead { get; set; }

    /// <summary>While true, the store does not answer.</summary>
    public bool IsAway { get; set; }

    /// <summary>How many appends are held back or under way.</summary>
    public int UnderWay => Volatile.Read(ref _underWay);

    /// <summary>Happens before each append, after it was held back.</summary>
    public Func<IReadOnlyList<StreamAppend>, Task>? BeforeAppend { get; set; }

    /// <summary>Happens after each read, before whoever reads has the result.</summary>
    public Func<string, Task>? AfterRead { get; set; }

    private int _heads;
    private int _underWay;

    /// <summary>Appends wait until this is disposed.</summary>
    public IDisposable Hold()
    {
        var held = _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return new Release(() =>
        {
            _held = null;
            held.SetResult();
        });
    }

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _underWay);
        try
        {
            if (_held is { } held)
                await held.Task;
            if (BeforeAppend is { } before)
                await before(appends);
            Appends.Enqueue(appends);
            ThrowIfAway();
            return await log.AppendAsync(appends, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    public async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken)
    {
        Reads.Enqueue((stream, from));
        ThrowIfAway();
        var page = await log.ReadStreamAsync(stream, from, direction, limit, cancellationToken);
        if (AfterRead is { } after)
            await after(stream);
        return page;
    }

    public Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken) =>
        log.ReadPageAsync(stream, from, limit, cancellationToken);

    public IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(LogPosition after, CancellationToken cancellationToken) =>
        log.SubscribeAllAsync(after, cancellationToken);

    public async Task<LogPosition> HeadAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _heads);
        if (BeforeHead is { } before)
            await before();
        ThrowIfAway();
        return await log.HeadAsync(cancellationToken);
    }

    public async Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        return await log.ChangesAsync(after, limit, cancellationToken);
    }

    public Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken) =>
        log.EndsAsync(after, through, limit, cancellationToken);

    public Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken) =>
        log.EndsOfAsync(events, cancellationToken);

    public Task TruncateAsync(string stream, long before, CancellationToken cancellationToken) => log.TruncateAsync(stream, before, cancellationToken);

    private void ThrowIfAway()
    {
        if (IsAway)
            throw new StoreUnavailableException("The store is away.");
    }

    private sealed class Release(Action release) : IDisposable
    {
        public void Dispose() => release();
    }
}
