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

    private static FurtherKey KeyOf(Lines lines)
    {
        var key = new FurtherKey(Lines.Time(lines.Next("time")), VerifierKey.Parse(lines.Next("vkey")));
        lines.End();
        return key;
    }

    private static Genesis GenesisOf(Lines lines)
    {
        var genesis = new Genesis(lines.Next("origin"), Lines.Time(lines.Next("time")), lines.Next("vkey"));
        lines.End();
        return genesis;
    }
}
