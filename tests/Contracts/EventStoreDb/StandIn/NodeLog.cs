using System.Text.Json;
using ProposedMessage = ChatCqrs.Infrastructure.EventStoreDb.Protocol.BatchAppendReq.Types.ProposedMessage;

namespace ChatCqrs.Contracts.EventStoreDb.StandIn;

/// <summary>The log of a stand-in node; the nodes of a cluster share one.</summary>
internal sealed class NodeLog
{
    /// <summary>The distance of two positions. Positions are byte offsets, not sequence numbers.</summary>
    private const ulong RecordSize = 137;

    private readonly Lock _lock = new();
    private readonly List<Record> _all = [];
    private readonly Dictionary<string, List<Record>> _streams = new(StringComparer.Ordinal);
    private TaskCompletionSource _appended = NewSignal();

    public Task Appended
    {
        get
        {
            lock (_lock)
                return _appended.Task;
        }
    }

    /// <summary>Appends events, or recognises a repeated append.</summary>
    /// <param name="expected">The expected revision; -1 for no stream, -2 for any.</param>
    /// <param name="actual">The revision of the stream's last event.</param>
    /// <returns>The last record of the append; null when the expected revision is wrong.</returns>
    public Record? Append(string stream, long expected, IReadOnlyList<ProposedMessage> events, out long actual)
    {
        TaskCompletionSource appended;
        Record last;
        lock (_lock)
        {
            var records = _streams.GetValueOrDefault(stream, []);
            actual = records.Count - 1;
            if (expected != actual)
                return Repeated(records, expected, events);

            _streams[stream] = records;
            foreach (var data in events)
            {
                var record = new Record(stream, ++actual, ((ulong)_all.Count + 1) * RecordSize, data);
                records.Add(record);
                _all.Add(record);
            }

            last = records[^1];
            appended = _appended;
            _appended = NewSignal();
        }

        appended.SetResult();
        return last;
    }

    /// <summary>The records of a stream that are not truncated; null when there is no such stream.</summary>
    public IReadOnlyList<Record>? Stream(string name)
    {
        lock (_lock)
        {
            if (!_streams.TryGetValue(name, out var records))
                return null;
            var before = _streams.TryGetValue("$$" + name, out var metadata) ? TruncateBefore(metadata[^1]) : 0;
            return [.. records.Where(record => record.Revision >= before)];
        }
    }

    /// <summary>The records of the whole log from an index.</summary>
    public IReadOnlyList<Record> From(int index)
    {
        lock (_lock)
            return _all[index..];
    }

    /// <summary>The index of the record after a position; null when no record starts at the position.</summary>
    public int? After(ulong position) =>
        position % RecordSize == 0 && position > 0 ? (int)(position / RecordSize) : null;

    /// <summary>
    /// An append is a repeat if its events already follow its expected revision; ids elsewhere do not matter.
    /// </summary>
    private static Record? Repeated(List<Record> records, long expected, IReadOnlyList<ProposedMessage> events)
    {
        var following = records.Skip((int)Math.Min(expected + 1, int.MaxValue)).Take(events.Count).ToList();
        return following.Count == events.Count
            && following.Zip(events).All(pair => pair.First.Data.Id.Equals(pair.Second.Id))
                ? following[^1]
                : null;
    }

    private static long TruncateBefore(Record metadata)
    {
        using var json = JsonDocument.Parse(metadata.Data.Data.Memory);
        return json.RootElement.TryGetProperty("$tb", out var before) && before.ValueKind == JsonValueKind.Number
            ? before.GetInt64()
            : 0;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

internal sealed record Record(string Stream, long Revision, ulong Position, ProposedMessage Data);
