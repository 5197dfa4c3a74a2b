using System.Globalization;
using System.Runtime.CompilerServices;
using ChatCqrs.Client.Http;

namespace ChatCqrs.Client;

/// <summary>The conversations of the signed-in account.</summary>
public sealed class ChatInbox
{
    private const int PageMax = 200;

    private readonly Rest _rest;

    internal ChatInbox(Rest rest) => _rest = rest;

    /// <summary>A page, newest activity first.</summary>
    /// <param name="cursor">Of the page before; null for the first.</param>
    /// <param name="limit">1 to 200.</param>
    public Task<InboxPage> PageAsync(
        string? cursor = null, int limit = 50, CancellationToken cancellationToken = default)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"v1/conversations?limit={limit}");
        if (cursor is not null)
            path += $"&cursor={Uri.EscapeDataString(cursor)}";
        return _rest.GetAsync(
            HttpMethod.Get, path, WireJson.Default.InboxPage, cancellationToken: cancellationToken);
    }

    /// <summary>All conversations, fetched page by page while they are read.</summary>
    public async IAsyncEnumerable<ConversationSummary> AllAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string? cursor = null;
        do
        {
            var page = await PageAsync(cursor, PageMax, cancellationToken).ConfigureAwait(false);
            foreach (var conversation in page.Conversations)
                yield return conversation;
            cursor = page.NextCursor;
        }
        while (cursor is not null);
    }

    /// <summary>The direct conversation with somebody: one and the same, however often it is asked for.</summary>
    public Task<ConversationDetails> StartDirectAsync(Guid userId, CancellationToken cancellationToken = default) =>
        StartAsync(new StartBody("direct", [userId]), cancellationToken);

    /// <summary>A new group.</summary>
    /// <param name="conversationId">Its id, so that a retry after a lost answer makes no second group; by default a new
    /// one for each call.</param>
    public Task<ConversationDetails> StartGroupAsync(
        string title, IReadOnlyList<Guid> memberIds, Guid? conversationId = null,
        CancellationToken cancellationToken = default) =>
        StartAsync(new StartBody("group", memberIds, title, conversationId), cancellationToken);

    private Task<ConversationDetails> StartAsync(StartBody body, CancellationToken cancellationToken) => _rest.GetAsync(
        HttpMethod.Post, "v1/conversations", WireJson.Default.ConversationDetails,
        Rest.Body(body, WireJson.Default.StartBody), cancellationToken: cancellationToken);
}
