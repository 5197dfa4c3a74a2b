using System.Globalization;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Export;

/// <summary>
/// Checks a conversation's events: (1) the checkpoint's signature; (2) that the heads are in their batches, and these
/// in the log; (3) that each event's hash links it to the one before, from the start to the last head; (4) that the
/// heads cover the events without a gap; (5) that no event is older than the batch before its own, nor younger than its
/// own.
/// </summary>
internal sealed class ConversationCheck(
    ExportZip zip, string conversation, IReadOnlyList<VerifierKey> keys, TimeSpan tolerance, TimeSpan kept,
    Report report)
{
    private readonly string _folder = $"conversations/{conversation}/";

    private LoggedHead? _newest;

    /// <summary>Faults that end the chain: after them nothing can be said of later events.</summary>
    private bool _isBroken;

    public void Run()
    {
        report.Heading($"Conversation {conversation}");
        if (!zip.Has(_folder + "head.tlog-proof") && zip.LengthOf(_folder + "events.ndjson") == 0)
        {
            report.Note("it has no events of the period that was asked for: there is nothing to check");
            return;
        }

        var checkpoint = Guarded("head", "head.tlog-proof", OpenNewest);
        if (checkpoint is null)
            return;
        var start = Guarded("chain", "start", OpenStart);
        if (start is null)
            return;
        Guarded("chain", "events.ndjson", () => Walk(start, checkpoint));
    }

    /// <summary>(1), and (2) for the newest head.</summary>
    private Checkpoint OpenNewest()
    {
        var (newest, checkpoint) = LoggedHead.Open(
            zip.Text(_folder + "head.tlog-proof", Checkpoint.BytesMax), keys);
        if (newest.Head.Stream != $"conversation-{conversation}")
            throw new FormatException("the head is of another stream");
        report.Passed("checkpoint", string.Create(
            CultureInfo.InvariantCulture,
            $"signed by {checkpoint.SignedBy[0].Name}, {checkpoint.Size} entries"));
        report.Passed("head", string.Create(
            CultureInfo.InvariantCulture,
            $"event {newest.Head.Last} is in batch {newest.Batch.Number}, of {newest.Batch.Time:u}"));
        _newest = newest;
        return checkpoint;
    }

    private Start OpenStart()
    {
        var parts = new Lines(zip.Text(_folder + "start", 1024)).Next().Split(' ');
        if (parts.Length != 2)
            throw new FormatException("the file has a seq and a hash");
        var start = new Start(Lines.Number(parts[0]), CanonicalBase64.Decode(parts[1], Merkle.HashSize));
        if (start.Seq == 0 && start.Hash.Any(b => b != 0))
            throw new FormatException("before the first event the hash is zero");
        if (start.Seq > 0)
            report.Note($"the events begin at seq {start.Seq}: earlier ones were cut off, or not asked for");
        return start;
    }

    private Start Walk(Start start, Checkpoint checkpoint)
    {
        using var events = new LineReader(zip.Open(_folder + "events.ndjson"), ChainedEvent.LineMax);
        using var lines = new LineReader(zip.Open(_folder + "heads.ndjson"), LoggedHead.LineMax);
        var heads = new HeadsCheck(lines, _folder + "heads.ndjson", checkpoint, start, tolerance, kept, report);
        heads.Next();
        var (seq, hash) = (start.Seq, start.Hash);
        while (!_isBroken && events.Next() is { } line)
        {
            var read = Guarded("chain", $"events.ndjson line {events.Number}", () => Link(line, seq, hash));
            if (read is null)
                break;
            heads.Pass(read);
            (seq, hash) = (seq + 1, read.Hash);
        }

        if (!_isBroken)
            Conclude(start, seq, heads);
        return start;
    }

    /// <summary>(3) for one event.</summary>
    private ChainedEvent Link(ReadOnlyMemory<byte> line, long seq, byte[] hash)
    {
        var read = ChainedEvent.Parse(line);
        if (read.Seq != seq)
            throw new FormatException($"seq {seq} should follow, not {read.Seq}");
        if (!read.PreviousHash.AsSpan().SequenceEqual(hash))
            throw new FormatException($"seq {seq} is not linked to the event before it");
        if (!read.Computed.AsSpan().SequenceEqual(read.Hash))
            throw new FormatException($"seq {seq} was changed: its hash does not follow from its bytes");
        return read;
    }

    private void Conclude(Start start, long end, HeadsCheck heads)
    {
        if (end == start.Seq)
        {
            report.Failed("chain", _folder + "events.ndjson", "there are no events");
            return;
        }

        report.Passed(
            "chain", $"{end - start.Seq} events, seq {start.Seq} to {end - 1}, each linked to the one before");
        heads.Conclude(end - 1, _newest!);
    }

    /// <summary>Runs a check whose fault is reported; null after a fault.</summary>
    private T? Guarded<T>(string check, string where, Func<T> run)
        where T : class
    {
        try
        {
            return run();
        }
        catch (FormatException fault)
        {
            _isBroken = true;
            report.Failed(check, _folder + where, fault.Message);
            return null;
        }
    }
}

/// <summary>Where the events begin.</summary>
/// <param name="Seq">The first one's seq.</param>
/// <param name="Hash">The hash of the event before; zeros for seq 0.</param>
internal sealed record Start(long Seq, byte[] Hash);
