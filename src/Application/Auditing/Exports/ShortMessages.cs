using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// A conversation in Relativity's Short Message Format, 2.0.0: an e-mail (RFC 5322) whose one attachment,
/// <c>rsmf.zip</c>, holds <c>rsmf_manifest.json</c>. A file has at most 10,000 events, as Relativity recommends; others
/// go to <c>chat-2.rsmf</c> and so on. What happens to a message in a later file stands there as an event of its
/// own.
/// </summary>
internal sealed class ShortMessages(string folder, ConversationId conversation)
{
    private const int EventsMax = 10_000;

    /// <summary>The most text of a file, in characters: what is held in memory.</summary>
    private const int TextMax = 8 * 1024 * 1024;

    /// <summary>Characters of a line of base64 (RFC 2045, section 6.8).</summary>
    private const int LineLength = 76;

    /// <summary>The longest value of a reaction.</summary>
    private const int ReactionMax = 30;

    private const string Version = "2.0.0";
    private const string Server = "server";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly List<Event> _events = [];
    private readonly Dictionary<long, Event> _bySeq = [];
    private readonly Dictionary<string, Participant> _people = [];
    private long _text;
    private int _part = 1;
    private bool _isDirect;

    public void Write(ReadableEvent line)
    {
        if (_events.Count == EventsMax || _text > TextMax)
            Flush();
        _text += line.Text?.Length ?? 0;
        _isDirect |= line.Kind == "conversation_started" && line.MessageType == "direct";
        var who = Person(line.Actor, line.Name);
        if (line.Target is { } target && _bySeq.TryGetValue(target, out var message))
            Change(message, line, who);
        else
            Add(line, who);
    }

    /// <summary>Writes the last file; a conversation without events has one, too.</summary>
    public void End()
    {
        if (_events.Count > 0 || _part == 1)
            Flush();
    }

    private void Add(ReadableEvent line, string who)
    {
        var added = new Event
        {
            Id = line.Seq.ToString(CultureInfo.InvariantCulture),
            Type = line.Kind switch
            {
                "message" => "message",
                "member_added" => "join",
                "member_removed" or "member_left" => "leave",
                _ => "unknown",
            },
            Participant = line.Subject is { } subject ? Person(subject, line.SubjectName) : who,
            Conversation = conversation.ToString(),
            Timestamp = Timestamps.Text(line.At),
            Body = line.State.Length > 0 ? $"[{line.State}]" : line.Text ?? line.Kind,
            Parent = line.Target?.ToString(CultureInfo.InvariantCulture),
            Custom = line.Kind == "message" ? null : [new Custom("kind", line.Kind)],
        };
        _events.Add(added);
        if (line.Kind == "message")
            _bySeq[line.Seq] = added;
    }

    private void Change(Event message, ReadableEvent line, string who)
    {
        var reaction = line.Text is { } text ? text[..Math.Min(text.Length, ReactionMax)] : null;
        switch (line.Kind)
        {
            case "message_edited":
                var written = line.State.Length > 0 ? $"[{line.State}]" : line.Text;
                (message.Edits ??= []).Add(new Edit(who, Timestamps.Text(line.At), message.Body, written));
                message.Body = written;
                break;
            case "message_deleted":
                message.Deleted = true;
                break;
            case "reaction_set":
                Forget(message, who);
                (message.Reactions ??= []).Add(new Reaction(reaction!, 1, [who]));
                break;
            case "reaction_cleared":
                Forget(message, who);
                break;
            default:
                Add(line, who);
                break;
        }
    }

    private static void Forget(Event message, string who) =>
        message.Reactions?.RemoveAll(reaction => reaction.Participants[0] == who);

    private string Person(Guid? user, string? name)
    {
        var id = user?.ToString() ?? Server;
        _people[id] = new Participant(id, name ?? id);
        return id;
    }

    private void Flush()
    {
        var about = new Conversation(
            conversation.ToString(), "ChatCqrs", _isDirect ? "direct" : "channel", [.. _people.Keys]);
        var manifest = new Manifest(Version, [.. _people.Values], [about], _events, conversation.ToString());
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = archive.CreateEntry("rsmf_manifest.json").Open();
            JsonSerializer.Serialize(entry, manifest, Json);
        }

        WriteMail(zip.ToArray());
        _events.Clear();
        _bySeq.Clear();
        _people.Clear();
        (_text, _part) = (0, _part + 1);
    }

    private void WriteMail(byte[] zip)
    {
        var name = _part == 1 ? "chat.rsmf" : $"chat-{_part}.rsmf";
        using var mail = new StreamWriter(Path.Combine(folder, name), append: false, new ASCIIEncoding())
        {
            NewLine = "\r\n",
        };
        foreach (var line in Headers())
            mail.WriteLine(line);
        var text = Convert.ToBase64String(zip);
        for (var at = 0; at < text.Length; at += LineLength)
            mail.WriteLine(text.AsSpan(at, Math.Min(LineLength, text.Length - at)));
        mail.WriteLine("--RSMFEML--");
    }

    private IEnumerable<string> Headers()
    {
        yield return $"X-RSMF-Version: {Version}";
        yield return "X-RSMF-Generator: ChatCqrs";
        yield return "X-RSMF-Application: ChatCqrs";
        yield return string.Create(CultureInfo.InvariantCulture, $"X-RSMF-EventCount: {_events.Count}");
        yield return $"X-RSMF-EventCollectionID: {conversation}";
        if (_events.Count > 0)
        {
            yield return $"X-RSMF-BeginDate: {_events[0].Timestamp}";
            yield return $"X-RSMF-EndDate: {_events[^1].Timestamp}";
        }

        yield return $"Subject: Conversation {conversation}, part {_part}";
        yield return "From: ChatCqrs <export@invalid>";
        yield return "MIME-Version: 1.0";
        yield return "Content-Type: multipart/mixed; boundary=\"RSMFEML\"";
        yield return "";
        yield return "--RSMFEML";
        yield return "Content-Type: text/plain; charset=us-ascii";
        yield return "";
        yield return "A conversation in Relativity's Short Message Format: see the attachment.";
        yield return "--RSMFEML";
        yield return "Content-Type: application/zip; name=\"rsmf.zip\"";
        yield return "Content-Disposition: attachment; filename=\"rsmf.zip\"";
        yield return "Content-Transfer-Encoding: base64";
        yield return "";
    }

    private sealed record Manifest(
        string Version, IReadOnlyList<Participant> Participants, IReadOnlyList<Conversation> Conversations,
        IReadOnlyList<Event> Events, string Eventcollectionid);

    private sealed record Participant(string Id, string Display);

    private sealed record Conversation(string Id, string Platform, string Type, IReadOnlyList<string> Participants);

    private sealed record Event
    {
        public required string Id { get; init; }
        public required string Type { get; init; }
        public required string Participant { get; init; }
        public required string Conversation { get; init; }
        public required string Timestamp { get; init; }
        public string? Body { get; set; }
        public string? Parent { get; init; }
        public bool? Deleted { get; set; }
        public List<Edit>? Edits { get; set; }
        public List<Reaction>? Reactions { get; set; }
        public IReadOnlyList<Custom>? Custom { get; init; }
    }

    private sealed record Edit(string Participant, string Timestamp, string? Previous, string? New);

    private sealed record Reaction(string Value, int Count, IReadOnlyList<string> Participants);

    private sealed record Custom(string Name, string Value);
}
