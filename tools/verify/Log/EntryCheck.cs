using System.Globalization;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Log;

/// <summary>
/// Checks what the entries of a log say, one after the other: whose log it is, that batches follow each other, and that
/// what tells of a restore, a move or a new key fits to what was logged before. Holds 24 bytes for each batch, and what
/// <see cref="DeviceListChain"/> holds.
/// </summary>
/// <param name="origin">The log's name.</param>
/// <param name="keys">The keys that are trusted.</param>
internal sealed class EntryCheck(string origin, IReadOnlyList<VerifierKey> keys, Report report)
{
    private readonly Dictionary<string, long> _others = [];
    private readonly DeviceListChain _lists = new();
    private readonly List<(DateTimeOffset Time, ulong Position)> _batches = [];
    private readonly List<(long Entry, VerifierKey Key)> _named = [];
    private LogEntry.Batch? _last;
    private DateTimeOffset _time;
    private ulong _position;
    private long _first;

    /// <summary>Whether the first entry passed; otherwise earlier ones are not known here.</summary>
    private bool _isWhole;

    /// <summary>The keys that the log's entries name, and which entry does.</summary>
    public IReadOnlyList<(long Entry, VerifierKey Key)> Named => _named;

    /// <exception cref="FormatException">
    /// The entry is malformed, or does not go on where the ones before ended.
    /// </exception>
    public void Pass(long index, string text, byte[] leaf)
    {
        var entry = LogEntry.Parse(text);
        if ((entry is LogEntry.Genesis or LogEntry.Continues) != (index == 0))
            throw new FormatException("the first entry of a log, and only that, says whose log it is");
        _isWhole |= index == 0;
        switch (entry)
        {
            case LogEntry.Batch batch:
                CheckBatch(batch);
                return;
            case LogEntry.Genesis genesis:
                CheckName(genesis.Origin, genesis.Key, genesis.Time);
                break;
            case LogEntry.Continues continues:
                CheckContinues(continues);
                break;
            case LogEntry.Restored restored:
                CheckRestored(restored);
                break;
            case LogEntry.Moved moved:
                CheckMoved(moved);
                break;
            case LogEntry.FurtherKey key:
                CheckKey(index, key.Named, key.Time);
                break;
            case LogEntry.DeviceList list:
                _lists.Add(list, leaf);
                return;
        }

        var kind = text[..text.IndexOf('\n', StringComparison.Ordinal)];
        _others[kind] = _others.GetValueOrDefault(kind) + 1;
    }

    public void Conclude()
    {
        report.Passed("entries", string.Create(
            CultureInfo.InvariantCulture,
            $"{_batches.Count} batches, one after the other, and {_others.Values.Sum()} others"));
        if (_lists.Lists > 0)
        {
            report.Passed("lists", string.Create(
                CultureInfo.InvariantCulture,
                $"{_lists.Lists} lists of devices of {_lists.Labels} users, each following the one before"));
        }

        foreach (var (kind, count) in _others)
            report.Note(string.Create(CultureInfo.InvariantCulture, $"{count} of the kind {kind}"));
    }

    /// <summary>Numbers grow by one; times, sizes and positions never fall.</summary>
    private void CheckBatch(LogEntry.Batch batch)
    {
        if (_last is { } last && batch.Number != last.Number + 1)
            throw new FormatException($"batch {batch.Number} follows batch {last.Number}");
        if (_last is null && _isWhole && batch.Number != 1)
            throw new FormatException($"the first batch has the number {batch.Number}");
        if (batch.Time < _time || batch.Position < _position || (_last is not null && batch.Keys < _last.Keys))
            throw new FormatException($"batch {batch.Number} goes back behind the one before it");
        if (_batches.Count == 0)
            _first = batch.Number;
        (_last, _time, _position) = (batch, batch.Time, batch.Position);
        _batches.Add((batch.Time, batch.Position));
    }

    private void CheckName(string name, string key, DateTimeOffset time)
    {
        if (name != origin)
            throw new FormatException("the log's first entry is of another log");
        CheckKey(0, VerifierKey.Parse(key), time);
    }

    private void CheckKey(long index, VerifierKey key, DateTimeOffset time)
    {
        if (key.Name != origin)
            throw new FormatException("it names a key of another log");
        if (_named.Any(one => one.Key.ToString() == key.ToString()))
            throw new FormatException("it names a key that was the log's before");
        _named.Add((index, key));
        CheckTime(time);
    }

    private void CheckContinues(LogEntry.Continues continues)
    {
        CheckName(continues.Origin, continues.Key, continues.Time);
        var ended = Checkpoint.OfAnother(continues.Checkpoint, keys);
        if (ended.Origin == origin)
            throw new FormatException("a log cannot continue itself");
        report.Note(string.Create(
            CultureInfo.InvariantCulture,
            $"it goes on where {ended.Origin} ended, of which {ended.Size} entries are known"));
        if (ended.SignedBy.Count == 0)
            report.Note($"whether {ended.Origin} has signed that was not checked: give its key, too (--vkey)");
    }

    /// <summary>Batches go on where an earlier one ended, and what the entry says of that one is true.</summary>
    private void CheckRestored(LogEntry.Restored restored)
    {
        CheckTime(restored.Time);
        var newest = _last?.Number ?? 0;
        if (restored.Next != newest + 1 && (_isWhole || _last is not null))
            throw new FormatException($"batch {restored.Next} is to follow batch {newest}");
        if (restored.Last >= restored.Next)
            throw new FormatException("the batch that is left was not made yet");
        if (restored.Last == 0 && restored.Position != 0)
            throw new FormatException("without a batch that is left positions begin at 0");
        var place = restored.Last - _first;
        if (restored.Last > 0 && place >= 0 && place < _batches.Count
            && _batches[(int)place] != (restored.Since, restored.Position))
            throw new FormatException($"batch {restored.Last} has another time or position");
        _position = restored.Position;
        report.Note(string.Create(
            CultureInfo.InvariantCulture,
            $"the server was restored to its state after batch {restored.Last}: later batches before batch "
            + $"{restored.Next} have heads that it cannot show, and may cover events that it has lost"));
    }

    private void CheckMoved(LogEntry.Moved moved)
    {
        CheckTime(moved.Time);
        if (_last is not null && moved.From != _position)
            throw new FormatException("the events were moved from another position than the last batch has");
        _position = moved.To;
    }

    private void CheckTime(DateTimeOffset time) =>
        _time = time >= _time ? time : throw new FormatException("its time is before that of the entry before");
}
