using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ChatCqrs.Verify.Tests;

/// <summary>
/// An export of one conversation, written by hand. A test changes it at any step: the events before they are linked,
/// the heads before they are logged, or the files before or after they are signed.
/// </summary>
internal sealed class MadeExport
{
    public const string Origin = "chat.example.org/v1/audit/heads";
    public const string Conversation = "0198c2a4-7f00-7000-8000-0000000000c1";
    public const string Folder = $"conversations/{Conversation}/";

    private static readonly DateTimeOffset Epoch = new(2026, 1, 2, 3, 4, 0, TimeSpan.Zero);
    private static readonly byte[] Zeros = new byte[32];

    /// <summary>Escapes nothing that has two spellings.</summary>
    private static readonly JsonSerializerOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public Signer Log { get; init; } = new(Origin, 7);

    public Signer Manifest { get; init; } = new(Origin + "/export", 7);

    /// <summary>How many events each batch has.</summary>
    public int[] Batches { get; init; } = [3, 1, 4];

    /// <summary>An entry that stands before a batch, in place of the batch before as the bound of its times.</summary>
    public (int Batch, string Entry)? Before { get; init; }

    /// <summary>Entry 0.</summary>
    public string? First { get; init; }

    /// <summary>Batches whose times entry 0 bounds.</summary>
    public int FirstBounds { get; init; }

    /// <summary>Events after the last batch.</summary>
    public int Unlogged { get; init; }

    /// <summary>The first event that is exported.</summary>
    public int From { get; init; }

    /// <summary>The last event that is exported; null for the last one that there is.</summary>
    public int? To { get; init; }

    /// <summary>
    /// Whether heads of which only some events are exported have hashes of the others, as in a period; else these were
    /// cut off.
    /// </summary>
    public bool Segments { get; init; } = true;

    /// <summary>
    /// Whether head.tlog-proof is of the newest head that there is, and not of the newest one with an exported event.
    /// </summary>
    public bool ProvesNewest { get; init; }

    /// <summary>When an event says that it happened; by default half a minute before its batch.</summary>
    public Func<int, DateTimeOffset, DateTimeOffset> At { get; init; } = (_, time) => time;

    /// <summary>Changes what is exported of an event after it was logged.</summary>
    public Func<MadeEvent, MadeEvent> Forged { get; init; } = made => made;

    /// <summary>Whether what follows a forged event is linked to it, as a forger would.</summary>
    public bool Relinked { get; init; }

    public Func<List<object>, IEnumerable<object>> HeadLines { get; init; } = lines => lines;

    public Func<List<string>, IEnumerable<string>> EventLines { get; init; } = lines => lines;

    public Dictionary<string, byte[]> Files { get; } = [];

    public string Key => Log.Key;

    private List<MadeEvent> _exported = [];

    /// <summary>The place of each batch's entry; that of entry 0 first.</summary>
    private List<int> _places = [];

    /// <summary>Writes the files and signs them.</summary>
    public MadeExport Write()
    {
        var events = Events();
        var entries = new List<string>
        {
            First ?? $"chatcqrs/genesis/v1\norigin {Origin}\ntime {Text(Epoch)}\nvkey {Key}\n",
        };
        _places = [0];
        var trees = new List<(string Record, byte[][] Leaves, int Index)>();
        var at = 0;
        foreach (var (size, number) in Batches.Select((size, i) => (size, i + 1)))
        {
            var record = HeadOf(events, at, at + size - 1, number);
            byte[][] leaves = [.. Enumerable.Range(0, 5).Select(other => Tree.Leaf(Bytes($"other {other}")))];
            leaves[number % 5] = Tree.Leaf(Bytes(record));
            trees.Add((record, leaves, number % 5));
            if (Before is { } before && before.Batch == number)
                entries.Add(before.Entry);
            _places.Add(entries.Count);
            entries.Add(
                $"chatcqrs/batch/v1\nnumber {number}\ntime {Text(TimeOf(number))}\nposition {number * 100}\nheads 5\n"
                + $"root {Base64(Tree.Root(leaves))}\nkeys 0 {Base64(SHA256.HashData([]))}\n");
            at += size;
        }

        byte[][] log = [.. entries.Select(entry => Tree.Leaf(Bytes(entry)))];
        var checkpoint = Log.Sign($"{Origin}\n{log.Length}\n{Base64(Tree.Root(log))}\n");
        WriteConversation(events, entries, trees, log, checkpoint);
        return Sign();
    }

    /// <summary>Lists the files and signs the list.</summary>
    public MadeExport Sign()
    {
        Files.Remove("SHA256SUMS");
        Files.Remove("manifest.note");
        var sums = string.Concat(Files.OrderBy(file => file.Key, StringComparer.Ordinal)
            .Select(file => $"{Convert.ToHexStringLower(SHA256.HashData(file.Value))}  {file.Key}\n"));
        Files["SHA256SUMS"] = Bytes(sums);
        Files["manifest.note"] = Bytes(Manifest.Sign($"{Manifest.Name}\n{sums}"));
        return this;
    }

    /// <summary>Runs the program on the archive.</summary>
    public Task<Outcome> VerifyAsync(params string[] options) => Outcome.OfAsync(Zip(), Key, options);

    public byte[] Zip()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in Files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        }

        return bytes.ToArray();
    }

    private static DateTimeOffset TimeOf(int batch) => Epoch.AddMinutes(batch);

    private void WriteConversation(
        List<MadeEvent> events, List<string> entries, List<(string Record, byte[][] Leaves, int Index)> trees,
        byte[][] log, string checkpoint)
    {
        var (heads, newestNumber) = (new List<object>(), trees.Count);
        for (var number = 1; number <= trees.Count; number++)
        {
            var (record, leaves, index) = trees[number - 1];
            if (LastOf(number) < From || LastOf(number - 1) >= To)
                continue;
            newestNumber = number;
            var line = new Dictionary<string, object>
            {
                ["record"] = record,
                ["index"] = index,
                ["inner"] = Tree.Path(index, leaves).ConvertAll(Base64),
                ["entry"] = entries[_places[number]],
                ["entry_index"] = _places[number],
                ["proof"] = Tree.Path(_places[number], log).ConvertAll(Base64),
                ["previous"] = PreviousOf(number <= FirstBounds ? 0 : _places[number] - 1),
            };
            var (first, last) = (LastOf(number - 1) + 1, LastOf(number));
            if (Segments && (first < From || last > To))
            {
                byte[][] inSegment = [.. events[first..(last + 1)].Select(made => Tree.Leaf(made.Hash))];
                line["segment"] = Tree.Around(
                    inSegment, Math.Max(first, From) - first, Math.Min(last, To ?? last) - first).ConvertAll(Base64);
            }

            heads.Add(line);
        }

        object PreviousOf(int at) => new
        {
            entry = entries[at],
            entry_index = at,
            proof = Tree.Path(at, log).ConvertAll(Base64),
        };

        if (ProvesNewest)
            newestNumber = trees.Count;
        var (newest, tree, place) = trees[newestNumber - 1];
        var inner = string.Concat(Tree.Path(place, tree).Select(hash => Base64(hash) + "\n"));
        var extra = $"{newest}\nindex {place}\n{inner}\n{entries[_places[newestNumber]]}";
        var proof = string.Concat(Tree.Path(_places[newestNumber], log).Select(hash => Base64(hash) + "\n"));
        var before = From == 0 ? Zeros : events[From - 1].Hash;
        Files["README.txt"] = Bytes("An export.\n");
        Files["vkey"] = Bytes(Key + "\n");
        Files["matter.json"] = Bytes("{}\n");
        Files["access.ndjson"] = Bytes("{}\n");
        Files[Folder + "start"] = Bytes($"{From} {Base64(before)}\n");
        Files[Folder + "head.tlog-proof"] = Bytes(
            $"c2sp.org/tlog-proof@v1\nextra {Base64(Bytes(extra))}\nindex {_places[newestNumber]}\n{proof}\n"
            + checkpoint);
        Files[Folder + "heads.ndjson"] = Bytes(
            string.Concat(HeadLines(heads).Select(line => JsonSerializer.Serialize(line, Relaxed) + "\n")));
        _exported = Export(events);
        Files[Folder + "events.ndjson"] = Bytes(
            string.Concat(EventLines(_exported.ConvertAll(made => made.Line())).Select(line => line + "\n")));
        Files[Folder + "report.html"] = Bytes("<!DOCTYPE html>\n");
        Files[Folder + "timeline.csv"] = Bytes("seq\n");
        Files[Folder + "chat.rsmf"] = Bytes("MIME-Version: 1.0\n");
    }

    private int LastOf(int number) => Batches.Take(number).Sum() - 1;

    private List<MadeEvent> Events()
    {
        var events = new List<MadeEvent>();
        var count = Batches.Sum() + Unlogged;
        var (batch, hash) = (1, Zeros);
        for (var seq = 0; seq < count; seq++)
        {
            while (seq > LastOf(batch) && batch <= Batches.Length)
                batch++;
            var made = new MadeEvent(seq, At(seq, TimeOf(batch).AddSeconds(-30)), "c2VhbGVk", hash);
            events.Add(made);
            hash = made.Hash;
        }

        return events;
    }

    private List<MadeEvent> Export(List<MadeEvent> events)
    {
        var (exported, previous) = (new List<MadeEvent>(), From == 0 ? Zeros : events[From - 1].Hash);
        foreach (var made in events.Take((To ?? events.Count) + 1).Skip(From))
        {
            var forged = Forged(made);
            exported.Add(Relinked ? forged with { Previous = previous } : forged);
            previous = exported[^1].Hash;
        }

        return exported;
    }

    private static string HeadOf(List<MadeEvent> events, int first, int last, int number)
    {
        byte[][] leaves = [.. events[first..(last + 1)].Select(made => Tree.Leaf(made.Hash))];
        var salt = HMACSHA256.HashData(new byte[32], BitConverter.GetBytes((long)number));
        return $"chatcqrs/head/v1\nconversation-{Conversation}\n{first} {last}\n{Base64(events[first].Previous)}\n"
            + $"{Base64(events[last].Hash)}\n{Base64(Tree.Root(leaves))}\n{Base64(salt)}\n";
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);

    private static string Text(DateTimeOffset time) =>
        time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>An event and its link, as docs/events.md has it.</summary>
    /// <param name="Content">The sealed bytes, in base64: whoever shreds its keys changes nothing of them.</param>
    public sealed record MadeEvent(int Seq, DateTimeOffset Time, string Content, byte[] Previous)
    {
        private const string Type = "message-sent.v1";

        private string Id => $"0198c2a5-2000-7000-8000-{Seq:x12}";

        private string Payload =>
            $$$"""{"message_id":"{{{Id}}}","content":{"bucket":"day-2026-02-01","bytes":"{{{Content}}}"}}""";

        private string Open =>
            $"{{\"occurred_at\":\"{Text(Time)}\",\"user\":\"é\",\"prev_hash\":\"{Base64(Previous)}\"";

        public byte[] Hash
        {
            get
            {
                var bytes = new List<byte>(Previous);
                Put(bytes, Bytes(Type));
                Put(bytes, Guid.Parse(Id).ToByteArray(bigEndian: true));
                Put(bytes, Bytes(Open + "}"));
                Put(bytes, Bytes(Payload));
                return SHA256.HashData([.. bytes]);
            }
        }

        public string Line()
        {
            var metadata = $"{Open},\"hash\":\"{Base64(Hash)}\"}}";
            return $"{{\"seq\":{Seq},\"type\":\"{Type}\",\"event_id\":\"{Id}\",\"occurred_at\":\"{Text(Time)}\","
                + $"\"prev_hash\":\"{Base64(Previous)}\",\"hash\":\"{Base64(Hash)}\",\"metadata\":{metadata},"
                + $"\"payload\":{Payload},\"raw\":{{\"metadata\":{JsonSerializer.Serialize(metadata, Relaxed)},"
                + $"\"payload\":{JsonSerializer.Serialize(Payload, Relaxed)}}}}}";
        }

        private static void Put(List<byte> bytes, byte[] part)
        {
            var length = new byte[sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(length, part.Length);
            bytes.AddRange(length);
            bytes.AddRange(part);
        }
    }
}
