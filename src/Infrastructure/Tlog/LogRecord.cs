using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>An entry of the log of heads or of keys: UTF-8 text whose first line names its form.</summary>
internal abstract record LogRecord
{
    private LogRecord()
    {
    }

    /// <summary>When it was made, UTC, to the millisecond; never before the entry before it.</summary>
    public DateTimeOffset At => this switch
    {
        Batch batch => batch.Time,
        Genesis genesis => genesis.Time,
        Restored restored => restored.Time,
        Moved moved => moved.Time,
        Continues continues => continues.Time,
        Key key => key.Time,
        _ => throw new InvalidOperationException(),
    };

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
    /// The server's state was restored to an older one. Entries before this one stay; batches after
    /// <paramref name="Last"/> may cover events that are lost, and nobody can open their heads any more. The batches
    /// after this entry go on where that batch ended.
    /// </summary>
    /// <param name="Time">When the log was recovered.</param>
    /// <param name="Last">The last batch whose heads the restored state has; 0 for none.</param>
    /// <param name="Since">That batch's time, or that of the log's first entry.</param>
    /// <param name="Position">That batch's position; 0 for none.</param>
    /// <param name="Next">The number of the batch that follows.</param>
    public sealed record Restored(
        DateTimeOffset Time, long Last, DateTimeOffset Since, LogPosition Position, long Next) : LogRecord
    {
        internal const string Header = "chatcqrs/restored/v1";

        public override string ToString() =>
            $"{Header}\ntime {TextLines.OfTime(Time)}\nbatch {TextLines.OfNumber(Last)}\n"
            + $"since {TextLines.OfTime(Since)}\nposition {Position}\nnext {TextLines.OfNumber(Next)}\n";

        internal static Restored Read(TextLines lines) => new(
            TextLines.Time(lines.Field("time")), TextLines.Number(lines.Field("batch")),
            TextLines.Time(lines.Field("since")), TextLines.Position(lines.Field("position")),
            TextLines.Number(lines.Field("next")));
    }

    /// <summary>The event log was moved to another store. Bytes, revisions and chains stay; positions do not.</summary>
    /// <param name="Time">When the last heads of all streams were compared.</param>
    /// <param name="From">The last batch's position, in the old store.</param>
    /// <param name="To">The position in the new store up to which the streams are what they were.</param>
    public sealed record Moved(DateTimeOffset Time, LogPosition From, LogPosition To) : LogRecord
    {
        internal const string Header = "chatcqrs/moved/v1";

        public override string ToString() => $"{Header}\ntime {TextLines.OfTime(Time)}\nfrom {From}\nto {To}\n";

        internal static Moved Read(TextLines lines) => new(
            TextLines.Time(lines.Field("time")), TextLines.Position(lines.Field("from")),
            TextLines.Position(lines.Field("to")));
    }

    /// <summary>Entry 0 of a log that goes on where another one, with another name and key, ended.</summary>
    /// <param name="Origin">This log's name.</param>
    /// <param name="Vkey">Its first key.</param>
    /// <param name="Position">
    /// The event log's position at that time: batches up to there have the heads of the other log once more.
    /// </param>
    /// <param name="Checkpoint">The last known checkpoint of the other one, verbatim; in base64.</param>
    public sealed record Continues(
        string Origin, DateTimeOffset Time, string Vkey, LogPosition Position, string Checkpoint) : LogRecord
    {
        internal const string Header = "chatcqrs/continues/v1";

        public override string ToString() =>
            $"{Header}\norigin {Origin}\ntime {TextLines.OfTime(Time)}\nvkey {Vkey}\nposition {Position}\n"
            + $"checkpoint {Convert.ToBase64String(Encoding.UTF8.GetBytes(Checkpoint))}\n";

        internal static Continues Read(TextLines lines) => new(
            lines.Field("origin"), TextLines.Time(lines.Field("time")), VkeyOf(lines),
            TextLines.Position(lines.Field("position")),
            TextLines.Decode(StrictBase64.Decode(lines.Field("checkpoint"))));
    }

    /// <summary>A further key of this log. A key that was known before signs up to this entry.</summary>
    public sealed record Key(DateTimeOffset Time, string Vkey) : LogRecord
    {
        internal const string Header = "chatcqrs/key/v1";

        public override string ToString() => $"{Header}\ntime {TextLines.OfTime(Time)}\nvkey {Vkey}\n";

        internal static Key Read(TextLines lines) => new(TextLines.Time(lines.Field("time")), VkeyOf(lines));
    }

    /// <summary>A user's list of devices, an entry of the log of keys.</summary>
    /// <param name="Label">See <see cref="LabelOf"/>.</param>
    /// <param name="Version">From 0; each entry of a label has one more than the one before.</param>
    /// <param name="Statement">SHA-256 of the statement, which is kept apart.</param>
    /// <param name="Previous">The leaf of the label's previous entry; zeros for none.</param>
    public sealed record DeviceList(Digest Label, long Version, Digest Statement, Digest Previous) : LogRecord
    {
        internal const string Header = "chatcqrs/device-list/v1";

        private const int IdSize = 16;

        /// <summary>Whether an entry begins as one of this kind.</summary>
        public static bool Is(ReadOnlySpan<byte> entry) => entry.StartsWith("chatcqrs/device-list/v1\n"u8);

        /// <summary>Stands for a user: SHA-256 of a context, a zero byte and the id (RFC 9562 order).</summary>
        public static Digest LabelOf(UserId user)
        {
            Span<byte> id = stackalloc byte[IdSize];
            user.Value.TryWriteBytes(id, bigEndian: true, out _);
            return Digest.Of(SHA256.HashData([.. "chatcqrs device label v1\0"u8, .. id]));
        }

        public override string ToString() =>
            $"{Header}\n{Label}\n{TextLines.OfNumber(Version)}\n{Statement}\n{Previous}\n";

        internal static DeviceList Read(TextLines lines) => new(
            Digest.Parse(lines.Next()), TextLines.Number(lines.Next()), Digest.Parse(lines.Next()),
            Digest.Parse(lines.Next()));
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
            DeviceList.Header => DeviceList.Read(lines),
            var header => throw new FormatException($"\"{header}\" is no known form of an entry."),
        };
        lines.End();
        return record;
    }

    /// <summary>The entry's bytes.</summary>
    public byte[] Encode() => Encoding.UTF8.GetBytes(ToString()!);

    private static string VkeyOf(TextLines lines) => VerifierKey.Parse(lines.Field("vkey")).ToString();
}
