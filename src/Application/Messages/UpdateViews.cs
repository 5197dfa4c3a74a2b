using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Application.Messages;

/// <summary>Builds the <c>data</c> of updates, for the timeline and the socket's frames.</summary>
public sealed class UpdateViews(IContentSealer sealer, GroupTitles titles, MessageLifetimes lifetimes)
{
    public async ValueTask<JsonElement?> DataOfAsync(
        ConversationId conversation, ConversationEvent update, CancellationToken cancellationToken)
    {
        var json = UpdateJson.Default;
        return update switch
        {
            ConversationStarted e => Element(
                new ConversationStartedData(
                    ConversationNames.Of(e.Kind), await titles.OpenAsync(conversation, e.Title, cancellationToken),
                    [.. e.Members.Select(member => member.Value)]),
                json.ConversationStartedData),
            MemberAdded e => Element(new RoleData(e.User.Value, ConversationNames.Of(Role.Member)), json.RoleData),
            MemberRemoved e => Element(new MemberData(e.User.Value), json.MemberData),
            MemberLeft e => Element(new MemberData(e.User.Value), json.MemberData),
            RoleChanged e => Element(new RoleData(e.User.Value, ConversationNames.Of(e.Role)), json.RoleData),
            GroupRenamed e => Element(
                new GroupRenamedData(await titles.OpenAsync(conversation, e.Title, cancellationToken)),
                json.GroupRenamedData),
            RetentionChanged e => Element(
                new RetentionInfo(lifetimes.DaysOf(e.Policy), e.Policy.DisappearingSeconds), json.RetentionInfo),
            MessageEdited e => Element(await EditedAsync(conversation, e, cancellationToken), json.MessageEditedData),
            MessageDeleted e => Element(
                new MessageDeletedData(e.MessageId.Value, e.MessageSeq, e.At), json.MessageDeletedData),
            ReactionSet e => Element(
                new ReactionData(e.MessageId.Value, e.MessageSeq, e.User.Value, e.Emoji), json.ReactionData),
            ReactionCleared e => Element(
                new ReactionData(e.MessageId.Value, e.MessageSeq, e.User.Value, null), json.ReactionData),
            VoteSet e => Element(
                new VoteData(
                    e.MessageId.Value, e.MessageSeq, e.User.Value, e.Vote.IsEmpty ? null : e.Vote.Options),
                json.VoteData),
            VoteCleared e => Element(
                new VoteData(e.MessageId.Value, e.MessageSeq, e.User.Value, []), json.VoteData),
            MessagesExpired e => Element(
                new MessagesExpiredData(
                    [.. e.Messages.Select(message => message.MessageId.Value)],
                    [.. e.Messages.Select(message => message.Seq)],
                    ExpiryReasons.NameOf(e.Reason)),
                json.MessagesExpiredData),
            _ => throw new InvalidOperationException($"Nothing shows {update.GetType().Name}."),
        };
    }

    /// <summary>What <see cref="DataOfAsync"/> opens of an update; null for nothing.</summary>
    public static (SealScope Scope, SealedContent Content)? ContentOf(
        ConversationId conversation, ConversationEvent update) => update switch
        {
            MessageEdited { Content.Bytes.IsEmpty: false } e => (ScopeOf(conversation, e), e.Content),
            ConversationStarted { Title: { } title } => GroupTitles.ContentOf(conversation, title),
            GroupRenamed { Title: { } title } => GroupTitles.ContentOf(conversation, title),
            _ => null,
        };

    private async ValueTask<MessageEditedData> EditedAsync(
        ConversationId conversation, MessageEdited edited, CancellationToken cancellationToken)
    {
        MessageContent? content = null;
        if (!edited.Content.Bytes.IsEmpty)
        {
            content = await sealer.OpenAsync(
                ScopeOf(conversation, edited), edited.Content, cancellationToken) is { } bytes
                ? MessageContent.FromBytes(bytes.Span)
                : null;
        }

        return new MessageEditedData(
            edited.MessageId.Value, edited.MessageSeq, content?.Text, content?.Ciphertext, edited.At);
    }

    private static SealScope ScopeOf(ConversationId conversation, MessageEdited edited) =>
        new(null, edited.Sender, conversation, edited.MessageId);

    private static JsonElement Element<T>(T data, JsonTypeInfo<T> type) =>
        JsonSerializer.SerializeToElement(data, type);
}

/// <summary>The <c>data</c> of <c>conversation_started</c>.</summary>
/// <param name="Title">Null for a direct conversation.</param>
public sealed record ConversationStartedData(string Type, string? Title, IReadOnlyList<Guid> MemberIds);

/// <summary>The <c>data</c> of <c>member_removed</c> and <c>member_left</c>.</summary>
public sealed record MemberData(Guid UserId);

/// <summary>The <c>data</c> of <c>member_added</c> and <c>role_changed</c>.</summary>
public sealed record RoleData(Guid UserId, string Role);

/// <summary>The <c>data</c> of <c>group_renamed</c>.</summary>
public sealed record GroupRenamedData(string? Title);

/// <summary>The <c>data</c> of <c>message_edited</c>: the new content; in the timeline the current content.</summary>
/// <param name="MessageSeq">The message's seq.</param>
public sealed record MessageEditedData(
    Guid MessageId, long MessageSeq, string? Text, string? Ciphertext, DateTimeOffset EditedAt);

/// <summary>The <c>data</c> of <c>message_deleted</c>.</summary>
public sealed record MessageDeletedData(Guid MessageId, long MessageSeq, DateTimeOffset DeletedAt);

/// <summary>The <c>data</c> of <c>reaction_set</c> and <c>reaction_cleared</c>.</summary>
/// <param name="Emoji">Null for a removed reaction.</param>
public sealed record ReactionData(Guid MessageId, long MessageSeq, Guid UserId, string? Emoji);

/// <summary>The <c>data</c> of <c>vote_set</c> and <c>vote_cleared</c>.</summary>
/// <param name="Options">
/// Indexes of the poll's options; empty for a removed vote, null where the poll is older than the member's joining.
/// </param>
public sealed record VoteData(Guid MessageId, long MessageSeq, Guid UserId, IReadOnlyList<int>? Options);

/// <summary>The <c>data</c> of <c>messages_expired</c>: the messages whose content is gone.</summary>
/// <param name="Seqs">The messages' seqs, in the order of <paramref name="MessageIds"/>.</param>
/// <param name="Reason"><c>expired</c>, or <c>delivered</c> if the server keeps nothing after delivery.</param>
public sealed record MessagesExpiredData(IReadOnlyList<Guid> MessageIds, IReadOnlyList<long> Seqs, string Reason);
