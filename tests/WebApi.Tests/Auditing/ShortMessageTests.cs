using System.IO.Compression;
using System.Text.Json;
using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using Json.Schema;
using MimeKit;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>
/// Short messages as others read them: the e-mail by MimeKit, the manifest by what the specification says of its
/// fields, and the rules that a schema cannot say.
/// </summary>
public sealed class ShortMessageTests : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly JsonSchema Schema = ShortMessageSchema.Read();

    private readonly UserId _ann = new(Guid.CreateVersion7());
    private readonly UserId _ben = new(Guid.CreateVersion7());
    private readonly UserId _cid = new(Guid.CreateVersion7());
    private readonly ConversationId _conversation = new(Guid.CreateVersion7());
    private readonly Dictionary<Guid, string?> _names = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("rsmf").FullName;
    private readonly ShortMessages _messages;

    public ShortMessageTests()
    {
        _names[_ann.Value] = "Ann \U0001f600 \u05d0\u05d1\u05d2";
        _messages = new ShortMessages(
            _folder,
            new AuditExport(
                Guid.CreateVersion7(), _ann, new DeviceId(Guid.CreateVersion7()), null, [_conversation], null, null,
                ExportStatus.Running, 0, 0, null, At.AddDays(1)),
            _conversation, _names);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_group_is_read_as_it_was()
    {
        var (first, second) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        Start(ConversationKind.Group, _ann, _ben);
        Message(1, _ann, first, "\u05e9\u05dc\u05d5\u05dd \U0001f468\u200d\U0001f469\u200d\U0001f467");
        Message(2, _ben, second, "an answer", replyTo: first);
        Write(Line(3, _ann, "message_edited") with { Target = 1, Text = "edited" });
        Write(Line(4, _ben, "reaction_set") with { Target = 1, Text = "\U0001f44d" });
        Write(Line(5, _ben, "reaction_set") with { Target = 1, Text = new string('x', 29) + "\U0001f44d" });
        Write(
            Line(6, _ann, "member_added") with { Subject = _cid.Value, Text = "Cid" },
            new ConversationEvent.MemberAdded(_cid, _ann) { At = At });
        Write(Line(7, _ben, "message_deleted") with { Target = 2 });
        Write(
            Line(8, _ben, "member_left") with { Subject = _ben.Value, Text = "Ben" },
            new ConversationEvent.MemberLeft(_ben) { At = At });
        Write(ReadableEvents.Unreadable(9, At));
        _messages.End();

        var (mail, manifest) = Read("chat.rsmf");

        Assert.Equal("6", mail.Headers["X-RSMF-EventCount"]);
        var about = manifest.GetProperty("conversations")[0];
        Assert.Equal("channel", about.GetProperty("type").GetString());
        Assert.Equal([$"{_ann}", $"{_ben}"], Texts(about.GetProperty("participants")));
        var events = manifest.GetProperty("events").EnumerateArray().ToList();
        Assert.Equal(
            ["unknown", "message", "message", "join", "leave", "unknown"],
            events.Select(e => e.GetProperty("type").GetString()));
        Assert.Equal("edited", events[1].GetProperty("body").GetString());
        Assert.Equal("edited", events[1].GetProperty("edits")[0].GetProperty("new").GetString());
        var reaction = Assert.Single(events[1].GetProperty("reactions").EnumerateArray());
        Assert.Equal(new string('x', 29), reaction.GetProperty("value").GetString());
        Assert.Equal("1", events[2].GetProperty("parent").GetString());
        Assert.True(events[2].GetProperty("deleted").GetBoolean());
        Assert.Equal($"{_cid}", events[3].GetProperty("participant").GetString());
        Assert.Contains(_names[_ann.Value]! + ": edited", mail.TextBody, StringComparison.Ordinal);
    }

    [Fact]
    public void Ten_thousand_events_are_a_file_and_what_comes_later_names_its_message()
    {
        Start(ConversationKind.Direct, _ann, _ben);
        for (var seq = 1; seq < 10_000; seq++)
            Message(seq, seq % 2 == 0 ? _ann : _ben, Guid.CreateVersion7(), $"message {seq}");
        Write(Line(10_000, _ann, "message_edited") with { Target = 5, Text = "edited" });
        Write(Line(10_001, _ben, "reaction_set") with { Target = 6, Text = "\U0001f44d" });
        _messages.End();

        var (first, whole) = Read("chat.rsmf");
        var (_, rest) = Read("chat-2.rsmf");

        Assert.Equal(["chat-2.rsmf", "chat.rsmf"], Directory.EnumerateFiles(_folder).Select(Path.GetFileName).Order());
        Assert.Equal("10000", first.Headers["X-RSMF-EventCount"]);
        Assert.Equal(10_000, whole.GetProperty("events").GetArrayLength());
        var late = rest.GetProperty("events")[0];
        Assert.Equal("unknown", late.GetProperty("type").GetString());
        Assert.False(late.TryGetProperty("parent", out _));
        Assert.Contains(
            "5", late.GetProperty("custom").EnumerateArray().Select(c => c.GetProperty("value").GetString()));
        Assert.Equal(
            whole.GetProperty("eventcollectionid").GetString(), rest.GetProperty("eventcollectionid").GetString());
    }

    [Fact]
    public void A_period_begins_with_those_who_were_there_then()
    {
        _messages.PassOver(Fact(0, new ConversationEvent.ConversationStarted(
            ConversationKind.Group, _ann, [_ann, _ben])
        { At = At }));
        _messages.PassOver(Fact(1, new ConversationEvent.MemberAdded(_cid, _ann) { At = At }));
        _messages.PassOver(Fact(2, new ConversationEvent.MemberRemoved(_ben, _ann) { At = At }));
        Message(3, _ann, Guid.CreateVersion7(), "hello");
        _messages.End();

        var about = Read("chat.rsmf").Manifest.GetProperty("conversations")[0];

        Assert.Equal(new[] { $"{_ann}", $"{_cid}" }.Order(), Texts(about.GetProperty("participants")).Order());
    }

    [Fact]
    public void A_conversation_without_events_has_an_empty_file()
    {
        _messages.End();

        Assert.Equal("0", Read("chat.rsmf").Mail.Headers["X-RSMF-EventCount"]);
    }

    private void Start(ConversationKind kind, params UserId[] members) => Write(
        Line(0, members[0], "conversation_started") with { MessageType = "group", Text = "group" },
        new ConversationEvent.ConversationStarted(kind, members[0], [.. members]) { At = At });

    private void Message(long seq, UserId by, Guid id, string text, Guid? replyTo = null) =>
        Write(Line(seq, by, "message") with { MessageId = id, Text = text, ReplyTo = replyTo });

    private void Write(ReadableEvent line, ConversationEvent? @event = null) =>
        _messages.Write(line, @event is null ? null : Fact(line.Seq, @event));

    private Recorded Fact(long seq, ConversationEvent @event) => new(
        @event, StreamName.Of(_conversation), seq, LogPosition.Start, Guid.NewGuid(), @event.At,
        new Actor(_ann, null), new byte[32]);

    private static ReadableEvent Line(long seq, UserId by, string kind) =>
        new(seq, At.AddSeconds(seq), by.Value, null, kind, null, null, null, "");

    /// <summary>Reads a file, and checks all that every file must be.</summary>
    private (MimeMessage Mail, JsonElement Manifest) Read(string name)
    {
        var path = Path.Combine(_folder, name);
        Assert.All(File.ReadLines(path), line => Assert.True(line.Length <= 78 && line.All(char.IsAscii), line));
        using var mail = MimeMessage.Load(path);
        Assert.Equal("2.0.0", mail.Headers["X-RSMF-Version"]);
        Assert.NotEqual(default, mail.Date);
        Assert.Single(mail.From);
        var attachment = Assert.IsType<MimePart>(Assert.Single(mail.Attachments));
        Assert.Equal("rsmf.zip", attachment.FileName);
        Assert.Equal(ContentEncoding.Base64, attachment.ContentTransferEncoding);
        using var bytes = new MemoryStream();
        attachment.Content!.DecodeTo(bytes);
        using var zip = new ZipArchive(bytes);
        using var reader = new StreamReader(Assert.Single(zip.Entries).Open());
        Assert.Equal("rsmf_manifest.json", zip.Entries[0].FullName);
        var manifest = JsonElement.Parse(reader.ReadToEnd());
        var result = Schema.Evaluate(manifest, new EvaluationOptions
        {
            OutputFormat = OutputFormat.List,
            RequireFormatValidation = true,
        });
        Assert.True(result.IsValid, JsonSerializer.Serialize(result));
        AssertReferences(manifest);
        return (MimeMessage.Load(path), manifest);
    }

    /// <summary>Ids are unique, and whatever names one names one that is there.</summary>
    private static void AssertReferences(JsonElement manifest)
    {
        var people = Texts(manifest.GetProperty("participants"), "id");
        var events = manifest.GetProperty("events").EnumerateArray().ToList();
        var ids = events.ConvertAll(e => e.GetProperty("id").GetString()!);
        var conversation = Assert.Single(manifest.GetProperty("conversations").EnumerateArray());
        Assert.Distinct(people);
        Assert.Distinct(ids);
        Assert.Subset(people.ToHashSet(), Texts(conversation.GetProperty("participants")).ToHashSet());
        Assert.All(events, e =>
        {
            Assert.Equal(conversation.GetProperty("id").GetString(), e.GetProperty("conversation").GetString());
            Assert.Contains(e.GetProperty("participant").GetString(), people);
            if (e.TryGetProperty("parent", out var parent))
                Assert.Contains(parent.GetString(), ids);
            foreach (var edit in Of(e, "edits"))
                Assert.Contains(edit.GetProperty("participant").GetString(), people);
            foreach (var reaction in Of(e, "reactions"))
            {
                Assert.InRange(reaction.GetProperty("value").GetString()!.Length, 1, 30);
                Assert.Subset(people.ToHashSet(), Texts(reaction.GetProperty("participants")).ToHashSet());
            }
        });
    }

    private static IEnumerable<JsonElement> Of(JsonElement e, string name) =>
        e.TryGetProperty(name, out var items) ? items.EnumerateArray() : [];

    private static List<string> Texts(JsonElement items, string? name = null) =>
        [.. items.EnumerateArray().Select(item => (name is null ? item : item.GetProperty(name)).GetString()!)];
}
