namespace ChatCqrs.Verify.Formats;

/// <summary>An entry of the log.</summary>
internal abstract record LogEntry
{
    /// <summary>The longest entry, in bytes: its length in a bundle has two.</summary>
    public const int BytesMax = ushort.MaxValue;

    /// <summary>Every kind of entry begins so.</summary>
    private const string Prefix = "chatcqrs/";

    /// <summary>One minute's batch: <c>chatcqrs/batch/v1</c>.</summary>
    /// <param name="Number">Grows by one.</param>
    /// <param name="Position">The log's position up to which it has the events.</param>
    /// <param name="Heads">The heads in the batch's tree.</param>
    /// <param name="Root">The root of that tree.</param>
    public sealed record Batch(
        long Number, DateTimeOffset Time, ulong Position, long Heads, byte[] Root, long Keys, byte[] KeysRoot)
        : LogEntry;

    /// <summary>Entry 0: <c>chatcqrs/genesis/v1</c>.</summary>
    public sealed record Genesis(string Origin, DateTimeOffset Time, string Key) : LogEntry;

    /// <summary>A further key of the log: <c>chatcqrs/key/v1</c>.</summary>
    public sealed record FurtherKey(DateTimeOffset Time, VerifierKey Named) : LogEntry;

    /// <summary>
    /// The server was restored to an older state: <c>chatcqrs/restored/v1</c>. Batches go on where the named one ended.
    /// </summary>
    /// <param name="Last">The last batch whose heads are left; 0 for none.</param>
    /// <param name="Since">That batch's time.</param>
    /// <param name="Position">That batch's position.</param>
    /// <param name="Next">The number of the batch that follows.</param>
    public sealed record Restored(DateTimeOffset Time, long Last, DateTimeOffset Since, ulong Position, long Next)
        : LogEntry;

    /// <summary>The server's events are in another store, with other positions: <c>chatcqrs/moved/v1</c>.</summary>
    public sealed record Moved(DateTimeOffset Time, ulong From, ulong To) : LogEntry;

    /// <summary>Entry 0 of a log that goes on where another one ended: <c>chatcqrs/continues/v1</c>.</summary>
    /// <param name="Position">Batches up to here have the heads of the other log once more.</param>
    /// <param name="Checkpoint">The other log's last known checkpoint.</param>
    public sealed record Continues(string Origin, DateTimeOffset Time, string Key, ulong Position, string Checkpoint)
        : LogEntry;

    /// <summary>A user's list of devices, in the log of keys: <c>chatcqrs/device-list/v1</c>.</summary>
    /// <param name="Label">Stands for the user.</param>
    /// <param name="Version">From 0; grows by one for each label.</param>
    /// <param name="Statement">The hash of the list.</param>
    /// <param name="Previous">The leaf of the label's entry before; zeros for none.</param>
    public sealed record DeviceList(byte[] Label, long Version, byte[] Statement, byte[] Previous) : LogEntry
    {
        public const string Kind = "chatcqrs/device-list/v1";
    }

    /// <summary>Another kind, which is only counted.</summary>
    /// <param name="Kind">The first line.</param>
    public sealed record Other(string Kind) : LogEntry;

    /// <exception cref="FormatException">The text is no entry.</exception>
    public static LogEntry Parse(string text)
    {
        var lines = new Lines(text);
        var kind = lines.Next();
        return kind switch
        {
            "chatcqrs/batch/v1" => BatchOf(lines),
            "chatcqrs/genesis/v1" => GenesisOf(lines),
            "chatcqrs/key/v1" => KeyOf(lines),
            "chatcqrs/restored/v1" => RestoredOf(lines),
            "chatcqrs/moved/v1" => MovedOf(lines),
            "chatcqrs/continues/v1" => ContinuesOf(lines),
            DeviceList.Kind => DeviceListOf(lines),
            _ when kind.StartsWith(Prefix, StringComparison.Ordinal) => new Other(kind),
            _ => throw new FormatException("the entry is of no known kind"),
        };
    }

    private static Batch BatchOf(Lines lines)
    {
        var number = Lines.Number(lines.Next("number"));
        var time = Lines.Time(lines.Next("time"));
        var position = (ulong)Lines.Number(lines.Next("position"));
        var heads = Lines.Number(lines.Next("heads"));
        var root = CanonicalBase64.Decode(lines.Next("root"), Merkle.HashSize);
        var keys = lines.Next("keys").Split(' ');
        if (keys.Length != 2)
            throw new FormatException("the line \"keys\" has a size and a root");
        lines.End();
        return new Batch(
            number, time, position, heads, root, Lines.Number(keys[0]),
            CanonicalBase64.Decode(keys[1], Merkle.HashSize));
    }

    private static Restored RestoredOf(Lines lines)
    {
        var restored = new Restored(
            Lines.Time(lines.Next("time")), Lines.Number(lines.Next("batch")), Lines.Time(lines.Next("since")),
            (ulong)Lines.Number(lines.Next("position")), Lines.Number(lines.Next("next")));
        lines.End();
        return restored;
    }

    private static Moved MovedOf(Lines lines)
    {
        var moved = new Moved(
            Lines.Time(lines.Next("time")), (ulong)Lines.Number(lines.Next("from")),
            (ulong)Lines.Number(lines.Next("to")));
        lines.End();
        return moved;
    }

    private static Continues ContinuesOf(Lines lines)
    {
        var continues = new Continues(
            lines.Next("origin"), Lines.Time(lines.Next("time")), lines.Next("vkey"),
            (ulong)Lines.Number(lines.Next("position")),
            Lines.Text(CanonicalBase64.Decode(lines.Next("checkpoint"))));
        lines.End();
        return continues;
    }

    private static FurtherKey KeyOf(Lines lines)
    {
        var key = new FurtherKey(Lines.Time(lines.Next("time")), VerifierKey.Parse(lines.Next("vkey")));
        lines.End();
        return key;
    }

    private static DeviceList DeviceListOf(Lines lines)
    {
        var list = new DeviceList(
            CanonicalBase64.Decode(lines.Next(), Merkle.HashSize), Lines.Number(lines.Next()),
            CanonicalBase64.Decode(lines.Next(), Merkle.HashSize),
            CanonicalBase64.Decode(lines.Next(), Merkle.HashSize));
        lines.End();
        return list;
    }

    private static Genesis GenesisOf(Lines lines)
    {
        var genesis = new Genesis(lines.Next("origin"), Lines.Time(lines.Next("time")), lines.Next("vkey"));
        lines.End();
        return genesis;
    }
}
