using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Testing;

/// <summary>An event log in memory that keeps the contract of <see cref="IEventStore"/> and fails on demand.</summary>
public sealed class InMemoryEventStore : IEventStore
{
    private const int BatchMax = 256;

    private readonly Lock _lock = new();
    private readonly List<StoredEvent> _log = [];
    private readonly Dictionary<string, Stream> _streams = new(StringComparer.Ordinal);
    private TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>While false, every call throws <see cref="StoreUnavailableException"/>; subscriptions too.</summary>
    public bool Reachable { get; set; } = true;

    /// <summary>While true, appends are stored, but the call throws <see cref="StoreUnavailableException"/>.</summary>
    public bool LosesAnswers { get; set; }

    /// <summary>A stream whose appends fail, while others in the same call succeed; null for none.</summary>
    public string? Refused { get; set; }

    /// <summary>A stream whose appends are stored but reported as failed; null for none.</summary>
    public string? Unanswered { get; set; }

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        StreamAppend.Check(appends);
        await ReachAsync(cancellationToken);
        TaskCompletionSource appended;
        AppendOutcome[] outcomes;
        lock (_lock)
        {
            outcomes = [.. appends.Select(Answer)];
            appended = _appended;
            _appended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        appended.SetResult();
        return LosesAnswers
            ? throw new StoreUnavailableException("The answer was lost, as the test wished.")
            : outcomes;
    }

    public async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        await ReachAsync(cancellationToken);
        lock (_lock)
        {
            if (!_streams.TryGetValue(stream, out var found))
                return [];
            var kept = found.Events.Where(e => e.Revision >= found.Before);
            return direction == ReadDirection.Forwards
                ? [.. kept.Where(e => e.Revision >= from).Take(limit)]
                : [.. kept.Where(e => e.Revision <= from).Reverse().Take(limit)];
        }
    }

    public async Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken)
    {
        var bytes = 0L;
        var page = await ReadStreamAsync(stream, from, ReadDirection.Forwards, limit, cancellationToken);
        return [.. page.TakeWhile(stored => (bytes += stored.Size) - stored.Size < IEventStore.PageBytes)];
    }

    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var next = (int)after.Value; ;)
        {
            await ReachAsync(cancellationToken);
            List<StoredEvent> batch;
            Task more;
            lock (_lock)
            {
                var raw = _log.Skip(next).Take(BatchMax).ToList();
                next += raw.Count;
                batch = [.. raw.Where(IsOurs)];
                more = raw.Count > 0 ? Task.CompletedTask : _appended.Task;
            }

            if (batch.Count > 0)
                yield return batch;
            await more.WaitAsync(cancellationToken);
        }
    }

    public async Task<LogPosition> HeadAsync(CancellationToken cancellationToken)
    {
        await ReachAsync(cancellationToken);
        lock (_lock)
            return _log.FindLast(IsOurs)?.Position ?? LogPosition.Start;
    }

    public async Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        await ReachAsync(cancellationToken);
        List<StoredEvent> events;
        lock (_lock)
            events = [.. _log.Skip((int)after.Value).Where(IsOurs).Take(limit)];
        var streams = events.GroupBy(e => e.Stream).Select(group => new ChangedStream(
            group.Key, group.First().Revision, group.Last().Revision, [.. group.Select(e => e.Type).Distinct()]));
        return new LogChanges([.. streams], events.LastOrDefault()?.Position ?? after, events.Count == limit);
    }

    public async Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        await ReachAsync(cancellationToken);
        List<StoredEvent> events;
        lock (_lock)
        {
            events =
            [
                .. _log.Skip((int)after.Value).TakeWhile(e => e.Position <= through).Where(IsOurs).Take(limit),
            ];
        }

        var streams = events.GroupBy(e => e.Stream).Select(group => new StreamEnds(
            group.Key, group.First().Revision, [.. group.Select(e => (ReadOnlyMemory<byte>)EventEnd.Of(e.Metadata))]));
        return new LogEnds([.. streams], events.LastOrDefault()?.Position ?? after, events.Count == limit);
    }

    public async Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken)
    {
        await ReachAsync(cancellationToken);
        lock (_lock)
            return [.. events.Select(EndOf)];
    }

    public async Task TruncateAsync(string stream, long before, CancellationToken cancellationToken)
    {
        await ReachAsync(cancellationToken);
        lock (_lock)
        {
            if (_streams.TryGetValue(stream, out var found))
                found.Before = Math.Max(found.Before, Math.Min(before, found.Events.Count));
        }
    }

    /// <summary>Loses a stream's last events, as a restore from an older backup does.</summary>
    /// <param name="after">The last revision that is kept.</param>
    public void Lose(string stream, long after)
    {
        lock (_lock)
        {
            var events = _streams[stream].Events;
            events.RemoveRange((int)after + 1, events.Count - (int)after - 1);
        }
    }

    private EventEnd? EndOf(EventPlace place) =>
        _streams.TryGetValue(place.Stream, out var found) && place.Revision >= found.Before
            && place.Revision < found.Events.Count
            && found.Events[(int)place.Revision] is var stored
                ? new EventEnd(stored.Position, EventEnd.Of(stored.Metadata))
                : null;

    private AppendOutcome Answer(StreamAppend append)
    {
        var failed = new AppendOutcome.Failed(
            new StoreUnavailableException($"{append.Stream} failed, as the test wished."));
        if (append.Stream == Refused)
            return failed;
        var outcome = Append(append);
        return append.Stream == Unanswered ? failed : outcome;
    }

    private AppendOutcome Append(StreamAppend append)
    {
        if (!_streams.TryGetValue(append.Stream, out var stream))
            stream = new Stream();
        var last = stream.Events.Count - 1;
        if (append.ExpectedRevision != last)
            return Repeated(append, stream) ?? new AppendOutcome.Conflict(last);

        _streams[append.Stream] = stream;
        foreach (var data in append.Events)
        {
            var position = new LogPosition((ulong)_log.Count + 1);
            var stored = new StoredEvent(
                append.Stream, ++last, position, data.EventId, data.Type,
                data.Payload.ToArray(), data.Metadata.ToArray());
            stream.Events.Add(stored);
            _log.Add(stored);
        }

        return new AppendOutcome.Appended(last, _log[^1].Position);
    }

    private static AppendOutcome? Repeated(StreamAppend append, Stream stream)
    {
        var there = stream.Events.Skip((int)append.ExpectedRevision + 1).Take(append.Events.Count).ToList();
        return there.Select(e => e.EventId).SequenceEqual(append.Events.Select(e => e.EventId))
            ? new AppendOutcome.Appended(there[^1].Revision, there[^1].Position)
            : null;
    }

    private static bool IsOurs(StoredEvent stored) =>
        StreamName.Prefixes.Any(prefix => stored.Stream.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Continues asynchronously, as a real store does.</summary>
    private async Task ReachAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        if (!Reachable)
            throw new StoreUnavailableException("The store is out of reach, as the test wished.");
    }

    private sealed class Stream
    {
        public List<StoredEvent> Events { get; } = [];
        public long Before { get; set; }
    }
}
