using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Export;

/// <summary>A line of <c>heads.ndjson</c>: a head, and the proofs that it is in the checkpoint's log.</summary>
/// <param name="Segment">
/// Where only some of the head's events are exported: roots of the subtrees before and after them, from the left.
/// </param>
internal sealed record LoggedHead(
    Head Head, LogEntry.Batch Batch, long EntryIndex, DateTimeOffset? PreviousTime, IReadOnlyList<byte[]>? Segment)
{
    /// <summary>The most hashes of a segment: three a level at most.</summary>
    private const int SegmentMax = 3 * Merkle.ProofMax;

    /// <summary>The longest line, in bytes: two entries, a record and three proofs have some 16 KiB.</summary>
    public const int LineMax = 512 * 1024;

    private static readonly JsonSerializerOptions Strict = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>Reads a line, and checks its proofs against a checkpoint.</summary>
    /// <exception cref="FormatException">The line is malformed, or a proof does not lead to the checkpoint.</exception>
    public static LoggedHead Open(ReadOnlyMemory<byte> line, Checkpoint checkpoint)
    {
        Line read;
        try
        {
            read = JsonSerializer.Deserialize<Line>(line.Span, Strict) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new FormatException("the line is not the JSON of a head");
        }

        var head = Head.Parse(read.Record);
        var entry = InLog(read.Entry, read.EntryIndex, Hashes(read.Proof), checkpoint);
        if (entry is not LogEntry.Batch batch)
            throw new FormatException("the head's entry in the log is no batch");
        InBatch(head, read.Index, Hashes(read.Inner), batch);
        return new LoggedHead(
            head, batch, read.EntryIndex, PreviousOf(batch, read, checkpoint),
            read.Segment is null ? null : Hashes(read.Segment, SegmentMax));
    }

    /// <summary>Checks the proof of the newest head, which brings its checkpoint along.</summary>
    /// <exception cref="FormatException">The proof is malformed, or leads nowhere.</exception>
    public static (LoggedHead Head, Checkpoint Checkpoint) Open(string proof, IReadOnlyCollection<VerifierKey> keys)
    {
        var outer = TlogProof.Parse(proof);
        var checkpoint = Checkpoint.Open(outer.Checkpoint, keys);
        var inner = HeadProof.Parse(outer.Extra ?? throw new FormatException("the line \"extra\" is missing"));
        var entry = InLog(inner.Entry, outer.Index, outer.Hashes, checkpoint);
        if (entry is not LogEntry.Batch batch)
            throw new FormatException("the head's entry in the log is no batch");
        InBatch(inner.Head, inner.Index, inner.Hashes, batch);
        return (new LoggedHead(inner.Head, batch, outer.Index, null, null), checkpoint);
    }

    /// <summary>
    /// When the batch before was made: events are younger. After a restore it is the last batch that was left; a batch
    /// that repeats the heads of a log which this one continues has no such bound.
    /// </summary>
    private static DateTimeOffset? PreviousOf(LogEntry.Batch batch, Line read, Checkpoint checkpoint)
    {
        if (read.Previous is not { } previous)
            return null;
        var entry = InLog(previous.Entry, previous.EntryIndex, Hashes(previous.Proof), checkpoint);
        return previous.EntryIndex >= read.EntryIndex
            ? throw new FormatException("the batch before is after the batch")
            : entry switch
            {
                LogEntry.Batch before when before.Number == batch.Number - 1 => before.Time,
                LogEntry.Genesis genesis when previous.EntryIndex == 0 && batch.Number <= 1 => genesis.Time,
                LogEntry.Restored restored when restored.Next == batch.Number => restored.Since,
                LogEntry.Continues continues when previous.EntryIndex == 0 && batch.Position <= continues.Position =>
                    DateTimeOffset.MaxValue,
                LogEntry.Continues continues when previous.EntryIndex == 0 && batch.Number <= 1 => continues.Time,
                _ => throw new FormatException("the entry before is not the batch before"),
            };
    }

    private static LogEntry InLog(string entry, long index, IReadOnlyList<byte[]> proof, Checkpoint checkpoint) =>
        Merkle.Root(Merkle.Leaf(Lines.Bytes(entry)), index, checkpoint.Size, proof)
            .AsSpan().SequenceEqual(checkpoint.Root)
            ? LogEntry.Parse(entry)
            : throw new FormatException("the proof of the batch's entry does not lead to the checkpoint's root");

    private static void InBatch(Head head, long index, IReadOnlyList<byte[]> proof, LogEntry.Batch batch)
    {
        if (!Merkle.Root(head.Leaf, index, batch.Heads, proof).AsSpan().SequenceEqual(batch.Root))
            throw new FormatException("the proof of the head does not lead to its batch's root");
    }

    private static List<byte[]> Hashes(IReadOnlyList<string> texts, int max = Merkle.ProofMax) => texts.Count <= max
        ? [.. texts.Select(text => CanonicalBase64.Decode(text, Merkle.HashSize))]
        : throw new FormatException($"a proof has more than {max} hashes");

    /// <param name="Record">The head, as the batch's tree has it.</param>
    /// <param name="Index">Its place in the batch's tree.</param>
    /// <param name="Inner">The proof of that.</param>
    /// <param name="Entry">The batch, as the log has it.</param>
    /// <param name="EntryIndex">Its place in the log.</param>
    /// <param name="Proof">The proof of that, to the checkpoint of <c>head.tlog-proof</c>.</param>
    /// <param name="Segment">See <see cref="LoggedHead.Segment"/>; absent where all of its events are there.</param>
    private sealed record Line(
        string Record, long Index, IReadOnlyList<string> Inner, string Entry, long EntryIndex,
        IReadOnlyList<string> Proof, PreviousEntry? Previous, IReadOnlyList<string>? Segment = null);

    /// <summary>The batch before, or the log's first entry.</summary>
    private sealed record PreviousEntry(string Entry, long EntryIndex, IReadOnlyList<string> Proof);
}
