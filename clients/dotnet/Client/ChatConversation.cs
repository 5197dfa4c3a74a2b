using System.Globalization;
using ChatCqrs.Client.Http;

namespace ChatCqrs.Client;

/// <summary>One conversation: sending, reading its history, and its members.</summary>
public sealed class ChatConversation
{
    private readonly ChatClient _client;
    private readonly string _path;

    internal ChatConversation(ChatClient client, Guid id) =>
        (_client, Id, _path) = (client, id, $"v1/conversations/{id}");

    /// <summary>The conversation's id.</summary>
    public Guid Id { get; }

    private Rest Rest => _client.Parts.Rest;

    /// <summary>
    /// Writes a message into the outbox, and returns once it is in the store: it is sent when it can be, after those
    /// written before it, also by the next process. Await <see cref="OutgoingMessage.Acked"/> to know that the server
    /// has it.
    /// </summary>
    /// <exception cref="ChatException">
    /// Signed out, <see cref="ErrorCode.OutboxFull"/> or <see cref="ErrorCode.FrameTooLarge"/>. What the server refuses
    /// shows in <see cref="OutgoingMessage.Acked"/>.
    /// </exception>
    public Task<OutgoingMessage> SendAsync(
        MessageContent content, Guid? replyTo = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        return _client.SendAsync(Id, content, replyTo, cancellationToken);
    }

    /// <summary>A page of messages, the newest by default.</summary>
    /// <param name="before">Only those before this seq.</param>
    /// <param name="limit">1 to 200.</param>
    public async Task<HistoryPage> HistoryAsync(
        long? before = null, int limit = 50, CancellationToken cancellationToken = default)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{_path}/messages?limit={limit}");
        if (before is { } seq)
            path += string.Create(CultureInfo.InvariantCulture, $"&before_seq={seq}");
        var page = await Rest.GetAsync(
            HttpMethod.Get, path, WireJson.Default.MessagesAnswer, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
        return new HistoryPage(
            page.Messages, page is { NextCursor: not null, Messages: [var first, ..] } ? first.Seq : null);
    }

    /// <summary>
    /// Marks everything up to a seq as read. Only the highest is told, once there is a connection; a lower one than
    /// before changes nothing.
    /// </summary>
    public Task MarkReadAsync(long seq)
    {
        _client.MarkRead(Id, seq);
        return Task.CompletedTask;
    }

    /// <summary>Shows the others that one is typing, or has stopped; lost without a connection.</summary>
    public Task TypingAsync(bool active = true, CancellationToken cancellationToken = default) =>
        _client.TypingAsync(Id, active, cancellationToken);

    /// <summary>Changes the text of one's own message, within 15 minutes.</summary>
    public Task EditAsync(Guid messageId, string text, CancellationToken cancellationToken = default) => Rest.DoAsync(
        HttpMethod.Patch, Of(messageId), Rest.Body(new EditBody(text, null), WireJson.Default.EditBody),
        cancellationToken);

    /// <summary>Deletes a message for everyone: one's own, or any as a group's admin.</summary>
    public Task DeleteAsync(Guid messageId, CancellationToken cancellationToken = default) =>
        Rest.DoAsync(HttpMethod.Delete, Of(messageId), cancellationToken: cancellationToken);

    /// <summary>Sets one's reaction; null takes it back.</summary>
    public Task ReactAsync(Guid messageId, string? emoji, CancellationToken cancellationToken = default)
    {
        var path = $"{Of(messageId)}/reaction";
        return emoji is null
            ? Rest.DoAsync(HttpMethod.Delete, path, cancellationToken: cancellationToken)
            : Rest.DoAsync(
                HttpMethod.Put, path, Rest.Body(new EmojiBody(emoji), WireJson.Default.EmojiBody), cancellationToken);
    }

    /// <summary>Votes in a poll, by the indices of its options; none takes the vote back.</summary>
    public Task VoteAsync(
        Guid messageId, IReadOnlyList<int> options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Count == 0
            ? Rest.DoAsync(HttpMethod.Delete, $"{Of(messageId)}/vote", cancellationToken: cancellationToken)
            : Rest.DoAsync(
                HttpMethod.Put, $"{Of(messageId)}/vote", Rest.Body(new VoteBody(options), WireJson.Default.VoteBody),
                cancellationToken);
    }

    /// <summary>How far the recipients of one's own message have got.</summary>
    public async Task<IReadOnlyList<MessageReceipt>> ReceiptsAsync(
        Guid messageId, CancellationToken cancellationToken = default) =>
        (await Rest.GetAsync(
            HttpMethod.Get, $"{Of(messageId)}/receipts", WireJson.Default.RecipientsAnswer,
            cancellationToken: cancellationToken).ConfigureAwait(false)).Recipients;

    /// <summary>The conversation in full.</summary>
    public Task<ConversationDetails> DetailsAsync(CancellationToken cancellationToken = default) => Rest.GetAsync(
        HttpMethod.Get, _path, WireJson.Default.ConversationDetails, cancellationToken: cancellationToken);

    /// <summary>Its members.</summary>
    public async Task<IReadOnlyList<Member>> MembersAsync(CancellationToken cancellationToken = default) =>
        (await Rest.GetAsync(
            HttpMethod.Get, $"{_path}/members", WireJson.Default.MembersAnswer, cancellationToken: cancellationToken)
            .ConfigureAwait(false)).Members;

    /// <summary>Adds people to a group, as its admin.</summary>
    public Task AddMembersAsync(IReadOnlyList<Guid> userIds, CancellationToken cancellationToken = default) =>
        Rest.DoAsync(
            HttpMethod.Post, $"{_path}/members", Rest.Body(new MembersBody(userIds), WireJson.Default.MembersBody),
            cancellationToken);

    /// <summary>Removes somebody from a group as its admin, or oneself.</summary>
    public Task RemoveMemberAsync(Guid userId, CancellationToken cancellationToken = default) =>
        Rest.DoAsync(HttpMethod.Delete, $"{_path}/members/{userId}", cancellationToken: cancellationToken);

    /// <inheritdoc cref="ChatClient.UploadAsync"/>
    public Task<Guid> UploadAsync(
        Stream content, UploadOptions? options = null, IProgress<long>? progress = null,
        CancellationToken cancellationToken = default) =>
        _client.UploadAsync(content, options, progress, cancellationToken);

    private string Of(Guid message) => $"{_path}/messages/{message}";
}
