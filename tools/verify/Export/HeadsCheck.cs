using System.Globalization;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Export;

/// <summary>
/// Checks the heads of a conversation while its events pass: each covers the events after the one before it, and says
/// their hashes; its batch was made after them, and the batch before not long after.
/// </summary>
internal sealed class HeadsCheck(
    LineReader lines, string file, Checkpoint checkpoint, Start start, TimeSpan tolerance, TimeSpan kept, Report report)
{
    private LoggedHead? _head;
    private LoggedHead? _last;
    private MerkleFrontier _events = new();
    private Queue<byte[]> _segment = new();
    private DateTimeOffset _oldest;
    private DateTimeOffset _youngest;
    private DateTimeOffset _end;
    private long _count;
    private long _first;
    private long _again;
    private bool _isBroken;
    private bool _hasWrongTimes;

    /// <summary>Reads the next head, if there is one.</summary>
    public void Next()
    {
        var expected = _last is null ? start.Seq : _last.Head.Last + 1;
        _head = null;
        if (_isBroken)
            return;
        try
        {
            if (lines.Next() is not { } line)
                return;
            var head = LoggedHead.Open(line, checkpoint);
            CheckPlace(head.Head, expected);
            (_head, _events, _oldest, _youngest) =
                (head, new MerkleFrontier(), DateTimeOffset.MaxValue, DateTimeOffset.MinValue);
            _segment = new Queue<byte[]>(head.Segment ?? []);
            if (head.Segment is not null)
                _events.AddUpTo(Math.Max(0, start.Seq - head.Head.First), _segment);
            _count++;
        }
        catch (FormatException fault)
        {
            Fault("heads", fault.Message);
        }
    }

    /// <summary>Takes an event that was linked to the one before it.</summary>
    public void Pass(ChainedEvent read)
    {
        _end = read.At;
        if (_head is not { Head: var head } logged || read.Seq < head.First)
            return;
        if (read.Seq == head.First && !head.Before.AsSpan().SequenceEqual(read.PreviousHash))
            Fault("heads", $"the head says another hash before seq {read.Seq}");
        _events.Add(Merkle.Leaf(read.Hash));
        _oldest = read.At < _oldest ? read.At : _oldest;
        _youngest = read.At > _youngest ? read.At : _youngest;
        if (read.Seq < head.Last || _isBroken)
            return;
        if (!head.Hash.AsSpan().SequenceEqual(read.Hash))
            Fault("heads", $"the log has another event at seq {read.Seq}");
        else
            CheckEvents(logged);
        _last = logged;
        Next();
    }

    /// <summary>(4) and (5), for all heads.</summary>
    /// <param name="end">The last event's seq.</param>
    public void Conclude(long end, LoggedHead newest)
    {
        if (!_isBroken && _head is { Segment: not null } partly && partly.Head.First <= end)
        {
            CheckEvents(partly);
            (_last, _head) = (partly, null);
        }

        if (!_isBroken && _head is not null)
            Fault("heads", $"the events end at seq {end}, within a head or before one");
        if (!_isBroken && _last is null)
            ConcludeWithout(end, newest);
        else if (!_isBroken && !_last!.Head.Leaf.AsSpan().SequenceEqual(newest.Head.Leaf))
            Fault("heads", "the last head is not that of head.tlog-proof");
        if (_isBroken || _last is null)
            return;
        var covered = Math.Min(end, _last.Head.Last);
        report.Passed("heads", string.Create(
            CultureInfo.InvariantCulture, $"{_count} heads cover seq {_first} to {covered} without a gap"));
        if (_first > start.Seq)
            report.Note($"seq {start.Seq} to {_first - 1}: their batches are gone, so only the chain speaks for them");
        if (end > covered)
            report.Note($"{end - covered} newest events are in no batch yet: only the chain speaks for them");
        ConcludeTimes();
    }

    /// <summary>No head covers the events. That is well only where all of their batches are gone.</summary>
    private void ConcludeWithout(long end, LoggedHead newest)
    {
        if (newest.Head.First > end && newest.Batch.Time - _end >= kept)
            report.Note($"seq {start.Seq} to {end}: their batches are gone, so only the chain speaks for them");
        else
            Fault("heads", $"no head covers seq {start.Seq} to {end}");
    }

    /// <summary>
    /// The events are those of the head's tree. Where its first events were cut off the log, nobody has their hashes:
    /// then the chain to the head's last event speaks for the others.
    /// </summary>
    private void CheckEvents(LoggedHead logged)
    {
        var head = logged.Head;
        try
        {
            if (logged.Segment is not null)
                _events.AddUpTo(head.Last - head.First + 1, _segment);
            if (_segment.Count > 0)
                throw new FormatException("a head's segment has too many hashes");
        }
        catch (FormatException fault)
        {
            Fault("heads", fault.Message);
            return;
        }

        var isWhole = logged.Segment is not null || head.First >= start.Seq;
        if (isWhole && !head.Root.AsSpan().SequenceEqual(_events.Root()))
            Fault("heads", $"the log has other events from seq {head.First} to {head.Last}");
        else
            CheckTimes(logged);
    }

    private void CheckPlace(Head head, long expected)
    {
        if (head.Stream != _last?.Head.Stream && _last is not null)
            throw new FormatException("the head is of another stream");
        if (_last is null ? head.Last < expected : head.First != expected)
            throw new FormatException($"the head of seq {expected} should follow, not of {head.First} to {head.Last}");
        _first = _last is null ? Math.Max(head.First, expected) : _first;
    }

    /// <summary>
    /// An event is not younger than its batch. It is not older than the batch before, either, unless the batch in which
    /// it was logged first is gone and the log has it once more, or another log had it.
    /// </summary>
    private void CheckTimes(LoggedHead logged)
    {
        var events = $"seq {logged.Head.First} to {logged.Head.Last}";
        if (_youngest > logged.Batch.Time + tolerance)
            WrongTimes($"{events} say {_youngest:u}, but their batch is older");
        if (logged.PreviousTime is not { } previous)
            WrongTimes("the batch before is missing");
        else if (previous - _oldest >= kept)
            _again++;
        else if (_oldest < previous - tolerance)
            WrongTimes($"{events} say {_oldest:u}, but were written after {previous:u}, the time of the batch before");
    }

    private void WrongTimes(string what)
    {
        _hasWrongTimes = true;
        report.Failed("times", Where(), what);
    }

    private void ConcludeTimes()
    {
        if (_again > 0)
            report.Note($"{_again} heads were logged once more after their batches were gone: no bound on their times");
        if (!_hasWrongTimes)
            report.Passed("times", "every event's time is between its batch's and that of the batch before");
    }

    private string Where() => $"{file} line {lines.Number}";

    private void Fault(string check, string what)
    {
        _isBroken = true;
        _head = null;
        report.Failed(check, Where(), what);
    }
}
