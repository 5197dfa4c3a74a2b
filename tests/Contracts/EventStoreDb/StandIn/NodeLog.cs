using System.Text.Json;
using ChatCqrs.Infrastructure.EventStoreDb.Protocol;

namespace ChatCqrs.Contracts.EventStoreDb.StandIn;

/// <summary>What a node of the stand-in holds. Several nodes of a cluster share one.</summary>
internal sealed class NodeLog
{
    /// <summary>How far two records are apart: positions are bytes in a file, not numbers in a row.</summary>
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

    /// <summary>The last record of a stream, and whether it is what was asked for; null when the expected revision is wrong.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="expected">-1 for none; -2 for any.</param>
    /// <param name="events">What to append.</param>
    /// <param name="actual">The revision of the stream's last event.</param>
    public Record? Append(string stream, long expected, IReadOnlyList<BatchAppendReq.Types.ProposedMessage> events, out long actual)
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

    /// <summary>A stream's records that its metadata leave; null when there is no such stream.</summary>
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

    /// <summary>Records at and after an index of the whole log.</summary>
    public IReadOnlyList<Record> From(int index)
    {
        lock (_lock)
            return _all[index..];
    }

    /// <summary>The index of the record after a position; null when the position is not the start of a record.</summary>
    public int? After(ulong position) => position % RecordSize == 0 && position > 0 ? (int)(position / RecordSize) : null;

    /// <summary>By position, not by what is known of ids: an append is a repeat where its events stand right after its expected revision.</summary>
    private static Record? Repeated(List<Record> records, long expected, IReadOnlyList<BatchAppendReq.Types.ProposedMessage> events)
    {
        var there = records.Skip((int)Math.Min(expected + 1, int.MaxValue)).Take(events.Count).ToList();
        return there.Count == events.Count && there.Zip(events).All(pair => pair.First.Data.Id.Equals(pair.Second.Id)) ? there[^1] : null;
    }

    private static long TruncateBefore(Record metadata)
    {
        using var json = JsonDocument.Parse(metadata.Data.Data.Memory);
        return json.RootElement.TryGetProperty("$tb", out var before) && before.ValueKind == JsonValueKind.Number ? before.GetInt64() : 0;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

internal sealed record Record(string Stream, long Revision, ulong Position, BatchAppendReq.Types.ProposedMessage Data);
