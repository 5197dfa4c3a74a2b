using System.Text.Json.Nodes;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// A conversation's state by the simplest means: all events up to a moment, one after the other, into one document.
/// Nothing of the product's folds is used.
/// </summary>
internal sealed class FoldedPrefix
{
    private const int DefaultDays = 30;
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    private readonly Dictionary<string, long[]> _marks = [];
    private readonly Dictionary<long, (DateTimeOffset At, DateTimeOffset? Until)> _times = [];

    private JsonObject Root { get; } = new() { ["members"] = new JsonObject(), ["entries"] = new JsonObject() };

    private JsonObject Members => Root["members"]!.AsObject();

    private JsonObject Entries => Root["entries"]!.AsObject();

    /// <param name="facts">A history.</param>
    /// <param name="seq">The last entry that counts.</param>
    /// <param name="at">Null for right after that entry.</param>
    public static JsonObject Of(
        IReadOnlyList<Recorded> facts, ConversationId conversation, long seq, DateTimeOffset? at = null)
    {
        var entries = facts.Where(fact =>
            fact.Stream == StreamName.Of(conversation) && fact.Revision <= seq).ToList();
        var end = at ?? entries[^1].At;
        var receipts = facts.Where(fact => fact.Stream == StreamName.OfReceipts(conversation)
            && (at is null ? fact.At < end : fact.At <= end));
        var prefix = new FoldedPrefix();
        foreach (var fact in entries.Concat(receipts)
            .OrderBy(fact => fact.At).ThenBy(fact => fact.Event is ReceiptEvent)
            .ThenBy(fact => fact.Revision))
        {
            prefix.Pass(fact.At);
            prefix.Add(fact);
        }

        prefix.Pass(end);
        return prefix.Root;
    }

    private void Add(Recorded fact)
    {
        switch (fact.Event)
        {
            case ConversationEvent.ConversationStarted e:
                Root["type"] = e.Kind == ConversationKind.Direct ? "direct" : "group";
                Root["title"] = null;
                Root["encryption"] = null;
                Root["retention"] = Retention(RetentionPolicy.Default);
                foreach (var user in e.Members)
                    Join(user, e.Kind == ConversationKind.Group && user == e.By ? "admin" : "member", 0);
                break;
            case ConversationEvent.MemberAdded e:
                Join(e.User, "member", fact.Revision);
                break;
            case ConversationEvent.MemberRemoved e:
                Members.Remove($"{e.User}");
                break;
            case ConversationEvent.MemberLeft e:
                Members.Remove($"{e.User}");
                break;
            case ConversationEvent.RoleChanged e:
                Members[$"{e.User}"]!["role"] = e.Role == Role.Admin ? "admin" : "member";
                break;
            case ConversationEvent.RetentionChanged e:
                Root["retention"] = Retention(e.Policy);
                Shorten(e);
                Pass(fact.At);
                break;
            case ConversationEvent.MessageSent e:
                Send(fact.Revision, e);
                Pass(fact.At);
                break;
            case ConversationEvent.MessageEdited e when Standing(e.MessageSeq) is { } entry:
                entry["edited_at"] = Text(e.At);
                break;
            case ConversationEvent.MessageDeleted e when Standing(e.MessageSeq) is { } entry:
                entry["deleted_at"] = Text(e.At);
                Go(e.MessageSeq, "deleted");
                break;
            case ConversationEvent.ReactionSet e when Standing(e.MessageSeq) is { } entry:
                Clear(entry["reactions"]!.AsObject(), e.User);
                Choose(entry["reactions"]!.AsObject(), e.Emoji, e.User);
                break;
            case ConversationEvent.ReactionCleared e when Standing(e.MessageSeq) is { } entry:
                Clear(entry["reactions"]!.AsObject(), e.User);
                break;
            case ConversationEvent.MessagesExpired e:
                foreach (var message in e.Messages)
                    Go(message.Seq, "expired");
                break;
            case ReceiptEvent.MessageDelivered e:
                Receive(e.User, e.UpToSeq, -1);
                break;
            case ReceiptEvent.MessageRead e:
                Receive(e.User, e.UpToSeq, e.UpToSeq);
                break;
        }
    }

    private void Join(UserId user, string role, long seq)
    {
        var marks = MarksOf(user);
        if (Members.ContainsKey($"{user}"))
            return;
        Members[$"{user}"] = new JsonObject
        {
            ["role"] = role,
            ["joined_seq"] = seq,
            ["delivered_seq"] = marks[0],
            ["read_seq"] = marks[1],
        };
    }

    private void Receive(UserId user, long delivered, long read)
    {
        var marks = MarksOf(user);
        (marks[0], marks[1]) = (Math.Max(marks[0], delivered), Math.Max(marks[1], read));
        if (Members[$"{user}"] is not { } member)
            return;
        (member["delivered_seq"], member["read_seq"]) = (marks[0], marks[1]);
    }

    private void Send(long seq, ConversationEvent.MessageSent e)
    {
        _times[seq] = (e.At, e.ExpiresAt);
        Entries[$"{seq}"] = new JsonObject
        {
            ["seq"] = seq,
            ["kind"] = "message",
            ["at"] = Text(e.At),
            ["actor_id"] = $"{e.Sender}",
            ["message_id"] = $"{e.MessageId}",
            ["type"] = e.Type == MessageType.Text ? "text" : throw new NotSupportedException(),
            ["reply_to"] = e.ReplyTo is { } reply ? $"{reply}" : null,
            ["content"] = null,
            ["sealed"] = true,
            ["edited_at"] = null,
            ["deleted_at"] = null,
            ["reactions"] = new JsonObject(),
        };
    }

    private void Shorten(ConversationEvent.RetentionChanged e)
    {
        foreach (var (from, to) in e.Shortened ?? [])
        {
            foreach (var (seq, (at, until)) in _times.ToList())
            {
                if (until <= at + from && until > at + to)
                    _times[seq] = (at, at + to);
            }
        }
    }

    /// <summary>Lets go what is due by a time.</summary>
    private void Pass(DateTimeOffset time)
    {
        var due = _times.Where(message => message.Value.Until <= time).Select(message => message.Key).ToList();
        foreach (var seq in due)
            Go(seq, "expired");
    }

    private JsonObject? Standing(long seq) =>
        Entries[$"{seq}"] is JsonObject entry && !entry.ContainsKey("gone") ? entry : null;

    private void Go(long seq, string reason)
    {
        _times.Remove(seq);
        if (Standing(seq) is not { } entry)
            return;
        entry.Remove("sealed");
        entry["gone"] = reason;
        entry["reactions"] = new JsonObject();
    }

    private long[] MarksOf(UserId user) =>
        _marks.TryGetValue($"{user}", out var marks) ? marks : _marks[$"{user}"] = [-1, -1];

    private static void Clear(JsonObject choices, UserId user)
    {
        foreach (var (name, users) in choices.ToList())
        {
            var left = users!.AsArray().Where(one => (string)one! != $"{user}").Select(one => (string)one!).ToArray();
            choices.Remove(name);
            if (left.Length > 0)
                choices[name] = new JsonArray([.. left.Select(one => (JsonNode)one)]);
        }
    }

    private static void Choose(JsonObject choices, string name, UserId user)
    {
        if (choices[name] is JsonArray users)
            users.Add($"{user}");
        else
            choices[name] = new JsonArray($"{user}");
    }

    private static JsonObject Retention(RetentionPolicy policy) => new()
    {
        ["days"] = policy.Days ?? DefaultDays,
        ["disappearing_seconds"] = policy.DisappearingSeconds,
    };

    private static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString(Format, System.Globalization.CultureInfo.InvariantCulture);
}
