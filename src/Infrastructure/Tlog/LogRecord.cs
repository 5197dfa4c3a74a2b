using System.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>An entry of the log of heads: UTF-8 text whose first line names its form.</summary>
internal abstract record LogRecord
{
    private LogRecord()
    {
    }

    /// <summary>A batch of changed streams.</summary>
    /// <param name="Number">From 1, without a gap.</param>
    /// <param name="Time">When it was made, UTC, to the millisecond; never before the last batch.</param>
    /// <param name="Position">The event log's position up to which it covers the streams.</param>
    /// <param name="Heads">How many heads it has.</param>
    /// <param name="Root">The RFC 6962 root over them.</param>
    /// <param name="KeysSize">The size of the log of keys at that time.</param>
    /// <param name="KeysRoot">The root of the log of keys at that time.</param>
    public sealed record Batch(
        long Number, DateTimeOffset Time, LogPosition Position, long Heads, Digest Root, long KeysSize, Digest KeysRoot)
        : LogRecord
    {
        internal const string Header = "chatcqrs/batch/v1";

        public override string ToString() =>
            $"{Header}\nnumber {TextLines.OfNumber(Number)}\ntime {TextLines.OfTime(Time)}\nposition {Position}\n"
            + $"heads {TextLines.OfNumber(Heads)}\nroot {Root}\nkeys {TextLines.OfNumber(KeysSize)} {KeysRoot}\n";

        internal static Batch Read(TextLines lines)
        {
            var number = TextLines.Number(lines.Field("number"));
            var time = TextLines.Time(lines.Field("time"));
            var position = TextLines.Position(lines.Field("position"));
            var heads = TextLines.Number(lines.Field("heads"));
            var root = Digest.Parse(lines.Field("root"));
            var (size, keys) = TextLines.Pair(lines.Field("keys"));
            return new Batch(number, time, position, heads, root, TextLines.Number(size), Digest.Parse(keys));
        }
    }

    /// <summary>Entry 0 of a log: its name and its first key.</summary>
    public sealed record Genesis(string Origin, DateTimeOffset Time, string Vkey) : LogRecord
    {
        internal const string Header = "chatcqrs/genesis/v1";

        public override string ToString() => $"{Header}\norigin {Origin}\ntime {TextLines.OfTime(Time)}\nvkey {Vkey}\n";

        internal static Genesis Read(TextLines lines) =>
            new(lines.Field("origin"), TextLines.Time(lines.Field("time")), VkeyOf(lines));
    }

    /// <summary>
    /// The event log was restored to an older state: entries before this one may cover events that are lost.
    /// </summary>
    /// <param name="Position">The restored event log's last position.</param>
    public sealed record Restored(DateTimeOffset Time, LogPosition Position) : LogRecord
    {
        internal const string Header = "chatcqrs/restored/v1";

        public override string ToString() => $"{Header}\ntime {TextLines.OfTime(Time)}\nposition {Position}\n";

        internal static Restored Read(TextLines lines) =>
            new(TextLines.Time(lines.Field("time")), TextLines.Position(lines.Field("position")));
    }

    /// <summary>The event log was moved to another store. Bytes, revisions and chains stay; positions do not.</summary>
    /// <param name="From">The last position in the old store.</param>
    /// <param name="To">The position of the same event in the new store.</param>
    public sealed record Moved(DateTimeOffset Time, LogPosition From, LogPosition To) : LogRecord
    {
        internal const string Header = "chatcqrs/moved/v1";

        public override string ToString() => $"{Header}\ntime {TextLines.OfTime(Time)}\nfrom {From}\nto {To}\n";

        internal static Moved Read(TextLines lines) => new(
            TextLines.Time(lines.Field("time")), TextLines.Position(lines.Field("from")),
            TextLines.Position(lines.Field("to")));
    }

    /// <summary>This log goes on where another one, with another origin and key, ended.</summary>
    /// <param name="Checkpoint">The last known checkpoint of the other one, verbatim, as base64.</param>
    public sealed record Continues(DateTimeOffset Time, string Checkpoint) : LogRecord
    {
        internal const string Header = "chatcqrs/continues/v1";

        public override string ToString() =>
            $"{Header}\ntime {TextLines.OfTime(Time)}\n"
            + $"checkpoint {Convert.ToBase64String(Encoding.UTF8.GetBytes(Checkpoint))}\n";

        internal static Continues Read(TextLines lines) => new(
            TextLines.Time(lines.Field("time")), TextLines.Decode(StrictBase64.Decode(lines.Field("checkpoint"))));
    }

    /// <summary>A further key of this log. A key that was known before signs up to this entry.</summary>
    public sealed record Key(DateTimeOffset Time, string Vkey) : LogRecord
    {
        internal const string Header = "chatcqrs/key/v1";

        public override string ToString() => $"{Header}\ntime {TextLines.OfTime(Time)}\nvkey {Vkey}\n";

        internal static Key Read(TextLines lines) => new(TextLines.Time(lines.Field("time")), VkeyOf(lines));
    }

    /// <exception cref="FormatException">The bytes are no entry of a known form.</exception>
    public static LogRecord Parse(ReadOnlySpan<byte> entry)
    {
        var lines = new TextLines(entry);
        LogRecord record = lines.Next() switch
        {
            Batch.Header => Batch.Read(lines),
            Genesis.Header => Genesis.Read(lines),
            Restored.Header => Restored.Read(lines),
            Moved.Header => Moved.Read(lines),
            Continues.Header => Continues.Read(lines),
            Key.Header => Key.Read(lines),
            var header => throw new FormatException($"\"{header}\" is no known form of an entry."),
        };
        lines.End();
        return record;
    }

    /// <summary>The entry's bytes.</summary>
    public byte[] Encode() => Encoding.UTF8.GetBytes(ToString()!);

    private static string VkeyOf(TextLines lines) => VerifierKey.Parse(lines.Field("vkey")).ToString();
}
