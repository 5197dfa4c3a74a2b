using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// The log in EventStoreDB (21.10 or later) or KurrentDB, over gRPC. An event's position is its commit position.
/// Protos/ describes the protocol, docs/eventstoredb.md the server's behaviour.
/// </summary>
internal sealed class EventStoreDbEventStore(EventStoreDbSettings settings, ILogger<EventStoreDbEventStore> logger)
    : IEventStore, IDisposable
{
    /// <summary>How many bytes of appends may be in flight; further appends wait.</summary>
    private const int InFlightMax = 16 * 1024 * 1024;

    /// <summary>The bytes that count for an append beside its events.</summary>
    private const int AppendOverhead = 512;

    /// <summary>How often a truncation is attempted while others change the stream's metadata.</summary>
    private const int TruncateAttemptsMax = 5;

    /// <summary>How many reads of single events run at once.</summary>
    private const int EndsAtOnce = 16;

    /// <summary>Events of a page of ends, which are read whole here, within one call's deadline.</summary>
    private const int EndsMax = 20_000;

    private readonly Cluster _cluster = new(settings, logger);
    private readonly Budget _inFlight = new(InFlightMax);
    private readonly Lock _lock = new();
    private AppendPipe? _pipe;

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        StreamAppend.Check(appends);
        cancellationToken.ThrowIfCancellationRequested();
        if (appends.Count == 0)
            return [];
        var weight = appends.Sum(append => AppendOverhead + append.Events.Sum(data => data.Size));
        await _inFlight.TakeAsync(weight, cancellationToken);
        try
        {
            return await _cluster.CallAsync(
                (node, cancelled) => AppendAsync(node, appends, cancelled), cancellationToken);
        }
        finally
        {
            _inFlight.Return(weight);
        }
    }

    public async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return await ReadAsync(Reads.OfStream(stream, from, direction, limit), cancellationToken);
    }

    /// <summary>The call ends with the page: the server sends nothing more.</summary>
    public async Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return await ReadAsync(
            Reads.OfStream(stream, from, ReadDirection.Forwards, limit), cancellationToken, IEventStore.PageBytes);
    }

    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await using var subscription = new Subscription(_cluster, settings, after);
        while (true)
            yield return await subscription.NextAsync(cancellationToken);
    }

    public async Task<LogPosition> HeadAsync(CancellationToken cancellationToken) =>
        await ReadAsync(Reads.Head(), cancellationToken) is [var last, ..] ? last.Position : LogPosition.Start;

    /// <summary>The protocol sends payloads, too; each is dropped as it comes.</summary>
    public Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return _cluster.CallAsync(
            async (node, cancelled) =>
            {
                using var call = node.Streams.Read(Reads.From(after, limit + 1), node.WithDeadline(cancelled));
                var changes = new ChangesReader(after);
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    if (call.ResponseStream.Current is { ContentCase: ReadResp.ContentOneofCase.Event } response)
                        changes.Add(Wire.Stored(response.Event));
                }

                return changes.Read(limit);
            },
            cancellationToken);
    }

    /// <summary>The protocol sends whole events; of each only the end of its metadata is kept.</summary>
    public Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        limit = Math.Min(limit, EndsMax);
        return _cluster.CallAsync(
            async (node, cancelled) =>
            {
                using var call = node.Streams.Read(Reads.From(after, limit + 1), node.WithDeadline(cancelled));
                var ends = new EndsReader(after, through);
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    if (call.ResponseStream.Current is { ContentCase: ReadResp.ContentOneofCase.Event } response)
                        ends.Add(Wire.Stored(response.Event));
                }

                return ends.Read(limit);
            },
            cancellationToken);
    }

    /// <summary>One read for each event, <see cref="EndsAtOnce"/> at a time.</summary>
    public async Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken)
    {
        var ends = new EventEnd?[events.Count];
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = EndsAtOnce,
            CancellationToken = cancellationToken,
        };
        await Parallel.ForAsync(0, events.Count, parallel, async (at, cancelled) =>
        {
            var (stream, revision) = events[at];
            var read = await ReadStreamAsync(stream, revision, ReadDirection.Forwards, 1, cancelled);
            if (read is [var stored] && stored.Revision == revision)
                ends[at] = new EventEnd(stored.Position, EventEnd.Of(stored.Metadata));
        });
        return ends;
    }

    public async Task TruncateAsync(string stream, long before, CancellationToken cancellationToken)
    {
        if (await LastAsync(stream, cancellationToken) is not { } last)
            return; // The stream does not exist or is fully truncated.
        before = Math.Min(before, last.Revision + 1);
        for (var attempt = 1; attempt <= TruncateAttemptsMax; attempt++)
        {
            var current = await LastAsync(Truncation.StreamOf(stream), cancellationToken);
            if (Truncation.Later(stream, current, before) is not { } change)
                return;
            if ((await AppendAsync([change], cancellationToken))[0].OrThrow() is AppendOutcome.Appended)
                return;
        }

        throw new StoreUnavailableException($"The metadata of {stream} change all the time.");
    }

    public void Dispose()
    {
        lock (_lock)
            _pipe?.Dispose();
        _cluster.Dispose();
    }

    private async Task<StoredEvent?> LastAsync(string stream, CancellationToken cancellationToken) =>
        await ReadStreamAsync(stream, long.MaxValue, ReadDirection.Backwards, 1, cancellationToken) is [var last, ..]
            ? last
            : null;

    private async Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        Node node, IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        await node.VersionAsync(cancellationToken);
        var pipe = PipeTo(node);
        try
        {
            var outcomes = await pipe.Send(appends).Done.WaitAsync(settings.AppendTimeout, cancellationToken);
            if (outcomes.Any(outcome => outcome is AppendOutcome.Failed { Reason: StoreUnavailableException }))
                _cluster.Leave(node); // It is not ready, or too slow. The next append may find a better one.
            return outcomes;
        }
        catch (TimeoutException)
        {
            var silent = new StoreUnavailableException($"EventStoreDB at {node.Address} does not answer.");
            pipe.Break(silent); // The other pending appends would wait in vain.
            throw silent;
        }
    }

    private AppendPipe PipeTo(Node node)
    {
        lock (_lock)
        {
            if (_pipe is { IsBroken: false } pipe && pipe.Node == node)
                return pipe;
            _pipe?.Dispose();
            return _pipe = new AppendPipe(node, settings.ServerDeadline);
        }
    }

    private Task<List<StoredEvent>> ReadAsync(
        ReadReq request, CancellationToken cancellationToken, long bytesMax = long.MaxValue) =>
        _cluster.CallAsync(
            async (node, cancelled) =>
            {
                using var call = node.Streams.Read(request, node.WithDeadline(cancelled));
                var events = new List<StoredEvent>();
                var bytes = 0L;
                while (bytes < bytesMax && await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    if (call.ResponseStream.Current is not { ContentCase: ReadResp.ContentOneofCase.Event } response)
                        continue;
                    events.Add(Wire.Stored(response.Event));
                    bytes += events[^1].Size;
                }

                return events;
            },
            cancellationToken);
}
