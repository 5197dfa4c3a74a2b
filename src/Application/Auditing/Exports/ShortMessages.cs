using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// A conversation in Relativity's Short Message Format, 2.0.0: <see cref="ShortMessageMail">e-mails</see> whose one
/// attachment holds <c>rsmf_manifest.json</c>
/// (https://github.com/relativitydev/rsmf-validator-samples/tree/master/RSMFManifestSchema). A file has at most 10,000
/// events, as Relativity recommends; others go to <c>chat-2.rsmf</c> and so on. What happens to a message in a later
/// file stands there as an event of its own.
/// </summary>
/// <param name="names">The known names of users.</param>
internal sealed class ShortMessages(
    string folder, AuditExport export, ConversationId conversation, IReadOnlyDictionary<Guid, string?> names)
{
    private const int EventsMax = 10_000;

    /// <summary>The most text of a file, in characters: what is held in memory.</summary>
    private const int TextMax = 8 * 1024 * 1024;

    /// <summary>The longest value of a reaction, in characters.</summary>
    private const int ReactionMax = 30;

    private const string Server = "server";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly HashSet<UserId> _members = [];
    private readonly List<Event> _events = [];
    private readonly Dictionary<long, Event> _bySeq = [];
    private readonly Dictionary<Guid, string> _idOf = [];
    private readonly Dictionary<string, Participant> _people = [];
    private List<UserId> _begunWith = [];
    private long _text;
    private int _part = 1;
    private bool _isDirect;

    /// <summary>The members after the events so far.</summary>
    public IReadOnlyCollection<UserId> Members => _members;

    /// <summary>Says what the conversation is before the first event that the log still has.</summary>
    public void Begin(ConversationKind? kind, IEnumerable<UserId> members)
    {
        _isDirect = kind == ConversationKind.Direct;
        _members.UnionWith(members);
    }

    /// <summary>An event before the first one that is exported: it may change who the members are.</summary>
    public void PassOver(Recorded? fact)
    {
        switch (fact?.Event)
        {
            case ConversationEvent.ConversationStarted e:
                _isDirect = e.Kind == ConversationKind.Direct;
                _members.UnionWith(e.Members);
                break;
            case ConversationEvent.MemberAdded e:
                _members.Add(e.User);
                break;
            case ConversationEvent.MemberRemoved e:
                _members.Remove(e.User);
                break;
            case ConversationEvent.MemberLeft e:
                _members.Remove(e.User);
                break;
        }
    }

    /// <param name="fact">The event; null for one that cannot be read.</param>
    public void Write(ReadableEvent line, Recorded? fact)
    {
        if (_events.Count == EventsMax || _text > TextMax)
            Flush();
        if (_events.Count == 0)
            _begunWith = [.. _members];
        PassOver(fact);
        if (line.Seq == 0)
            _begunWith = [.. _members];
        _text += line.Text?.Length ?? 0;
        var who = Person(line.Actor);
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
            Id = Text(line.Seq),
            Type = line.Kind switch
            {
                "message" => "message",
                "member_added" => "join",
                "member_removed" or "member_left" => "leave",
                _ => "unknown",
            },
            Participant = line.Subject is { } subject ? Person(subject) : who,
            Conversation = conversation.ToString(),
            Timestamp = Timestamps.Text(line.At),
            Body = line.State.Length > 0 ? $"[{line.State}]" : line.Text ?? line.Kind,
            Parent = line.ReplyTo is { } replied ? _idOf.GetValueOrDefault(replied) : null,
            Custom = CustomOf(line),
        };
        _events.Add(added);
        if (line.Kind != "message")
            return;
        _bySeq[line.Seq] = added;
        _idOf[line.MessageId!.Value] = added.Id;
    }

    /// <summary>What an event is; where its message is in an earlier file, which one.</summary>
    private static List<Custom>? CustomOf(ReadableEvent line)
    {
        if (line.Kind == "message")
            return null;
        var custom = new List<Custom> { new("kind", line.Kind) };
        if (line.Target is { } target)
            custom.Add(new Custom("message", Text(target)));
        return custom;
    }

    private void Change(Event message, ReadableEvent line, string who)
    {
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
                (message.Reactions ??= []).Add(new Reaction(Shortened(line.Text!), 1, [who]));
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

    /// <summary>Cut between characters, not within a pair of surrogates.</summary>
    private static string Shortened(string emoji) => emoji.Length <= ReactionMax
        ? emoji
        : emoji[..(char.IsHighSurrogate(emoji[ReactionMax - 1]) ? ReactionMax - 1 : ReactionMax)];

    private string Person(Guid? user)
    {
        var id = user?.ToString() ?? Server;
        _people[id] = new Participant(id, (user is { } known ? names.GetValueOrDefault(known) : null) ?? id);
        return id;
    }

    private void Flush()
    {
        // A direct conversation names both people; a group names its members at the first event.
        List<string> present = [.. _begunWith.Select(user => Person(user.Value))];
        var about = new Conversation(
            conversation.ToString(), "ChatCqrs", _isDirect ? "direct" : "channel", present);
        var manifest = new Manifest(
            ShortMessageMail.Version, [.. _people.Values], [about], _events, conversation.ToString());
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = archive.CreateEntry("rsmf_manifest.json").Open();
            JsonSerializer.Serialize(entry, manifest, Json);
        }

        var times = _events.ConvertAll(@event => @event.Timestamp);
        new ShortMessageMail(
            conversation, _part, _events.Count, times.FirstOrDefault(), times.LastOrDefault(),
            export.RequestedAt).Write(
                Path.Combine(folder, _part == 1 ? "chat.rsmf" : $"chat-{_part}.rsmf"),
                _events.Select(LineOf), zip.GetBuffer().AsSpan(0, (int)zip.Length));
        _events.Clear();
        _bySeq.Clear();
        _idOf.Clear();
        _people.Clear();
        (_text, _part) = (0, _part + 1);
    }

    /// <summary>An event in the text for people.</summary>
    private string LineOf(Event @event) => $"{@event.Timestamp} {_people[@event.Participant].Display}: {@event.Body}";

    private static string Text(long seq) => seq.ToString(CultureInfo.InvariantCulture);

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
