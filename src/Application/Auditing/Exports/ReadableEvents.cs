using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>An event in words.</summary>
/// <param name="Actor">Who did it; null for the server's clock.</param>
/// <param name="Name">Their name today; null where names are not opened.</param>
/// <param name="Kind">Such as <c>message</c> or <c>message_edited</c>.</param>
/// <param name="Target">The seq of the message that it is about; null for none.</param>
/// <param name="Text">What was written, or what happened; null where content is not shown.</param>
/// <param name="State">
/// Empty where all is shown; <c>sealed</c>, <c>expired</c>, <c>gone</c> (erased or deleted) or <c>damaged</c>.
/// </param>
/// <param name="MessageType">The type of a message, or of the conversation that was started; else null.</param>
/// <param name="ReplyTo">The id of the message that it answers.</param>
internal sealed record ReadableEvent(
    long Seq, DateTimeOffset At, Guid? Actor, string? Name, string Kind, Guid? MessageId, long? Target, string? Text,
    string State, string? MessageType = null, Guid? ReplyTo = null, Guid? Subject = null, string? SubjectName = null)
{
    /// <summary>Whether somebody wrote the text; else it says what happened.</summary>
    public bool IsSaid => Kind is "message" or "message_edited" or "group_renamed";
}

/// <summary>Puts events of a conversation into words, and opens what a matter covers.</summary>
internal sealed class ReadableEvents(IAuditedContent content, AuditedLog log, TimeProvider clock)
{
    private const string Sealed = "sealed";
    private const string Damaged = "damaged";

    /// <summary>An event whose bytes were changed so that they cannot be read.</summary>
    /// <param name="at">The time of the event before it.</param>
    public static ReadableEvent Unreadable(long seq, DateTimeOffset at) =>
        new(seq, at, null, null, "unreadable", null, null, null, Damaged);

    /// <summary>The users that an event names.</summary>
    public static IEnumerable<UserId> PeopleOf(Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted e => e.Members.Add(e.By),
        ConversationEvent.MemberAdded e => [e.User, e.By],
        ConversationEvent.MemberRemoved e => [e.User, e.By],
        ConversationEvent.RoleChanged e => [e.User, e.By],
        _ => fact.Actor.User is { } user ? [user] : [],
    };

    public async ValueTask<ReadableEvent> OfAsync(
        ConversationId conversation, Recorded fact, OpenedMatter? matter, IReadOnlyDictionary<Guid, string?> names,
        CancellationToken cancellationToken)
    {
        var line = new ReadableEvent(
            fact.Revision, fact.At, fact.Actor.User?.Value, NameOf(fact.Actor.User), "", null, null, null, "");
        switch (fact.Event)
        {
            case ConversationEvent.MessageSent e:
                var sent = await OpenAsync(
                    new SealScope(e.ExpiresAt, e.Sender, conversation, e.MessageId), e.Content, e.At, e.ExpiresAt);
                return line with
                {
                    Kind = "message",
                    MessageId = e.MessageId.Value,
                    Text = sent.Text,
                    State = sent.State,
                    MessageType = MessageTypes.NameOf(e.Type),
                    ReplyTo = e.ReplyTo?.Value,
                };
            case ConversationEvent.MessageEdited e:
                var edited = await OpenAsync(
                    new SealScope(null, e.Sender, conversation, e.MessageId), e.Content,
                    matter is { Content: true } ? await SentAtAsync(e.MessageSeq) : null, null);
                return line with
                {
                    Kind = "message_edited",
                    MessageId = e.MessageId.Value,
                    Target = e.MessageSeq,
                    Text = edited.Text,
                    State = edited.State,
                };
            case ConversationEvent.MessageDeleted e:
                return line with { Kind = "message_deleted", MessageId = e.MessageId.Value, Target = e.MessageSeq };
            case ConversationEvent.ReactionSet e:
                return line with { Kind = "reaction_set", Target = e.MessageSeq, Text = e.Emoji };
            case ConversationEvent.ReactionCleared e:
                return line with { Kind = "reaction_cleared", Target = e.MessageSeq };
            case ConversationEvent.VoteSet e:
                return line with { Kind = "vote_set", Target = e.MessageSeq, Text = string.Join(", ", e.Vote.Options) };
            case ConversationEvent.VoteCleared e:
                return line with { Kind = "vote_cleared", Target = e.MessageSeq };
            case ConversationEvent.MessagesExpired e:
                return line with
                {
                    Kind = "messages_expired",
                    Text = string.Join(", ", e.Messages.Select(message => message.Seq)),
                };
            case ConversationEvent.GroupRenamed e:
                var title = await TitleAsync(e.Title);
                return line with { Kind = "group_renamed", Text = title.Text, State = title.State };
            case ConversationEvent.ConversationStarted e:
                var first = e.Title is null ? (Text: null, State: "") : await TitleAsync(e.Title);
                IEnumerable<string?> lines =
                    [ConversationNames.Of(e.Kind), first.Text, .. e.Members.Select(Person)];
                return line with
                {
                    Kind = "conversation_started",
                    MessageType = ConversationNames.Of(e.Kind),
                    Text = string.Join('\n', lines.Where(text => text is not null)),
                };
            case ConversationEvent.MemberAdded e:
                return About("member_added", e.User);
            case ConversationEvent.MemberRemoved e:
                return About("member_removed", e.User);
            case ConversationEvent.MemberLeft e:
                return About("member_left", e.User);
            case ConversationEvent.RoleChanged e:
                return About("role_changed", e.User) with
                {
                    Text = $"{Person(e.User)}: {ConversationNames.Of(e.Role)}",
                };
            case ConversationEvent.RetentionChanged e:
                return line with
                {
                    Kind = "retention_changed",
                    Text = string.Create(
                        CultureInfo.InvariantCulture,
                        $"days: {e.Policy.Days}, seconds: {e.Policy.DisappearingSeconds}"),
                };
            default:
                return line with { Kind = fact.Event.GetType().Name };
        }

        ReadableEvent About(string kind, UserId user) => line with
        {
            Kind = kind,
            Subject = user.Value,
            SubjectName = NameOf(user),
            Text = Person(user),
        };

        string? NameOf(UserId? user) => user is { } id ? names.GetValueOrDefault(id.Value) : null;

        // The mark keeps the digits of the id apart from a name that is written from right to left (Unicode TR9).
        string Person(UserId user) => NameOf(user) is { } name ? $"{name}\u200e ({user})" : user.ToString();

        // Like its message, an edit stays sealed where the matter does not cover the message.
        async ValueTask<DateTimeOffset?> SentAtAsync(long seq) =>
            await log.OneAsync(StreamName.Of(conversation), seq, cancellationToken) is { } stored
                ? log.DecodeOrNull(stored)?.At
                : null;

        ValueTask<(string? Text, string State)> TitleAsync(GroupTitle given)
        {
            var (scope, bytes) = GroupTitles.ContentOf(conversation, given);
            return OpenAsync(scope, bytes, fact.At, null);
        }

        async ValueTask<(string? Text, string State)> OpenAsync(
            SealScope scope, SealedContent bytes, DateTimeOffset? sentAt, DateTimeOffset? expiresAt)
        {
            if (matter is null || sentAt is not { } sent || !matter.Covers(sent) || !matter.Covers(fact.At))
                return (null, Sealed);
            try
            {
                if (await content.OpenAsync(scope, bytes, sent, cancellationToken) is { } opened)
                    return (scope.Message is null ? TextOf(opened) : TextOf(MessageContent.FromBytes(opened.Span)), "");
                return (null, expiresAt <= clock.GetUtcNow() ? "expired" : "gone");
            }
            catch (Exception fault) when (fault is CryptographicException or JsonException or FormatException)
            {
                return (null, Damaged); // The finding of an audit, and no reason to stop it.
            }
        }
    }

    private static string TextOf(ReadOnlyMemory<byte> title) => Encoding.UTF8.GetString(title.Span);

    /// <summary>The text, or the attachment's JSON, or that it is encrypted end to end.</summary>
    private static string TextOf(MessageContent content) =>
        content.Ciphertext is not null ? "(encrypted end to end)"
        : string.Join(' ', new[] { content.Text, Json(content.MediaObject), Json(content.Document) }
            .Where(part => !string.IsNullOrEmpty(part)));

    private static string? Json(JsonElement? element) => element?.GetRawText();
}
