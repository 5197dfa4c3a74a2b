using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Shows messages to auditors. Content is opened inside an open matter only, and says why where it cannot be.
/// </summary>
public sealed class AuditedViews(
    IContentSealer sealer, IAuditedContent contents, ErasedUsers erased)
{
    private const string Erased = "erased";
    private const string Truncated = "truncated";
    private const string Altered = "altered";

    private static readonly Dictionary<string, IReadOnlyList<Guid>> Nobody = [];

    /// <summary>Fetches the keys of messages that the matter covers in one query.</summary>
    public ValueTask PrepareAsync(
        ConversationId conversation, IEnumerable<MessageAtMoment> messages, OpenedMatter? matter,
        CancellationToken cancellationToken) => matter is not { Content: true }
        ? ValueTask.CompletedTask
        : sealer.PrepareAsync(
            messages.Where(message => Opens(message, matter)).Select(message =>
                (ScopeOf(conversation, message.Message), message.Message.Content!)),
            cancellationToken);

    /// <summary>What the matter shows of a message.</summary>
    /// <param name="matter">Null outside of one: then nothing is opened.</param>
    public async ValueTask<ShownContent> ShowAsync(
        ConversationId conversation, MessageAtMoment message, OpenedMatter? matter,
        CancellationToken cancellationToken)
    {
        if (message.Message.Gone is { } reason)
            return new ShownContent(null, Sealed: false, NameOf(reason));
        if (!message.IsInLog)
            return new ShownContent(null, Sealed: false, Truncated);
        if (matter is null || !Covers(message.Message, matter))
            return new ShownContent(null, Sealed: true, null);
        if (message.Message.Content is not { } content)
            return new ShownContent(null, Sealed: false, Truncated); // The log has lost what brought it.
        try
        {
            if (await contents.OpenAsync(
                ScopeOf(conversation, message.Message), content, message.Message.At, cancellationToken) is { } opened)
                return new ShownContent(ViewOf(MessageContent.FromBytes(opened.Span)), Sealed: false, null);
            var isErased = await erased.AtAsync(message.Message.Sender, cancellationToken) is not null;
            return new ShownContent(null, Sealed: false, isErased ? Erased : NameOf(GoneReason.Expired));
        }
        catch (Exception exception) when (exception is CryptographicException or JsonException or FormatException)
        {
            return new ShownContent(null, Sealed: false, Altered);
        }
    }

    public static AuditedEntry Of(AuditedMessage message, ShownContent shown) => new()
    {
        Seq = message.Seq,
        At = message.At,
        ActorId = message.Sender.Value,
        MessageId = message.MessageId.Value,
        Type = MessageTypes.NameOf(message.Type),
        ReplyTo = message.ReplyTo?.Value,
        Content = shown.Content,
        Sealed = shown.Sealed ? true : null,
        Gone = shown.Gone,
        EditedAt = message.EditedAt,
        DeletedAt = message.DeletedAt,
        Reactions = ReactionsOf(message),
        Votes = message.Type == MessageType.Poll ? VotesOf(message) : null,
    };

    /// <summary>A group's title; null if there is none, it is sealed or cannot be read any more.</summary>
    /// <param name="at">The time of the entry that gave it.</param>
    public async ValueTask<string?> TitleAsync(
        ConversationId conversation, GroupTitle? title, DateTimeOffset at, OpenedMatter? matter,
        CancellationToken cancellationToken)
    {
        if (title is null || matter?.Covers(at) != true)
            return null;
        try
        {
            var (scope, content) = GroupTitles.ContentOf(conversation, title);
            var bytes = await contents.OpenAsync(scope, content, at, cancellationToken);
            return bytes is { } opened ? System.Text.Encoding.UTF8.GetString(opened.Span) : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>The users by emoji, in the order of reacting.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<Guid>> ReactionsOf(AuditedMessage message) =>
        message.Reactions.IsEmpty ? Nobody : message.Reactions.GroupBy(reaction => reaction.Emoji).ToDictionary(
            group => group.Key, IReadOnlyList<Guid> (group) => [.. group.Select(reaction => reaction.User)]);

    /// <summary>The users by option, in the order of voting.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<Guid>> VotesOf(AuditedMessage message) =>
        message.Votes.IsEmpty
            ? Nobody
            : message.Votes.SelectMany(vote => vote.Vote.Options, (vote, option) => (Option: option, vote.User))
                .GroupBy(chosen => chosen.Option).OrderBy(group => group.Key)
                .ToDictionary(
                    group => group.Key.ToString(CultureInfo.InvariantCulture),
                    IReadOnlyList<Guid> (group) => [.. group.Select(chosen => chosen.User)]);

    /// <summary>Whether the matter covers the message and the entry that brought its content.</summary>
    private static bool Covers(AuditedMessage message, OpenedMatter matter) =>
        matter.Covers(message.At) && matter.Covers(message.ContentAt);

    private static bool Opens(MessageAtMoment message, OpenedMatter matter) =>
        message is { IsInLog: true, Message: { Gone: null, Content: not null } } && Covers(message.Message, matter);

    private static string NameOf(GoneReason reason) => reason switch
    {
        GoneReason.Expired => "expired",
        GoneReason.Deleted => "deleted",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };

    private static AuditedContentView ViewOf(MessageContent content) =>
        new(content.Text, content.MediaObject, content.Document, content.Ciphertext);

    private static SealScope ScopeOf(ConversationId conversation, AuditedMessage message) =>
        new(message.ExpiresAt, message.Sender, conversation, message.MessageId);
}
