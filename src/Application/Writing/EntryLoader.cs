using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>Brings a conversation's state up to the end of its streams: the newest snapshot, then the tail.</summary>
internal sealed class EntryLoader(IEventStore store, IEventCodec codec, ISnapshots snapshots)
{
    private const int PageSize = 512;

    /// <summary>Reads what is new in the conversation's stream.</summary>
    /// <param name="known">The state to go on from; null for none.</param>
    /// <param name="publishFrom">Without a known state: the first entry that counts as news; null for none.</param>
    /// <returns>The state at the stream's end, and the entries that are new to this node.</returns>
    public async Task<(StreamState<Conversation> State, IReadOnlyList<Recorded> News)> ConversationAsync(
        ConversationId id, StreamState<Conversation>? known, long? publishFrom, CancellationToken cancellationToken)
    {
        var start = known ?? From(await snapshots.ConversationAsync(id, cancellationToken))
            ?? StreamState<Conversation>.Empty(Conversation.NotStarted);
        var news = new List<Recorded>();
        var state = await ReadTailAsync(
            StreamName.Of(id), start, (s, e) => Conversation.Evolve(s, (ConversationEvent)e), known is null ? null : news, cancellationToken);
        if (known is null && publishFrom is { } first)
            news.AddRange(await NewsAsync(id, first, state.Revision, cancellationToken));
        return (state, news);
    }

    /// <summary>Reads what is new in the receipts' stream.</summary>
    public async Task<StreamState<Watermarks>> ReceiptsAsync(
        ConversationId id, StreamState<Watermarks>? known, CancellationToken cancellationToken)
    {
        var start = known ?? From(await snapshots.ReceiptsAsync(id, cancellationToken)) ?? StreamState<Watermarks>.Empty(Watermarks.None);
        return await ReadTailAsync(
            StreamName.OfReceipts(id), start, (s, e) => Watermarks.Evolve(s, (ReceiptEvent)e), news: null, cancellationToken);
    }

    private async Task<IEnumerable<Recorded>> NewsAsync(ConversationId id, long first, long last, CancellationToken cancellationToken)
    {
        var limit = (int)Math.Min(PageSize, last - first + 1); // More than a page is left to the catch-up that the gap leads to.
        return limit < 1
            ? []
            : (await store.ReadStreamAsync(StreamName.Of(id), first, ReadDirection.Forwards, limit, cancellationToken)).Select(codec.Decode);
    }

    private static StreamState<TState>? From<TState>(Snapshot<TState>? snapshot) =>
        snapshot is null ? null : new StreamState<TState>(snapshot.State, snapshot.Revision, snapshot.Hash, snapshot.Position);

    private async Task<StreamState<TState>> ReadTailAsync<TState>(
        string stream, StreamState<TState> state, Func<TState, object, TState> evolve, List<Recorded>? news, CancellationToken cancellationToken)
    {
        while (true)
        {
            var page = await store.ReadStreamAsync(stream, state.Revision + 1, ReadDirection.Forwards, PageSize, cancellationToken);
            foreach (var stored in page)
            {
                var recorded = codec.Decode(stored);
                state = new StreamState<TState>(
                    evolve(state.State, recorded.Event), recorded.Revision, recorded.Hash, recorded.Position);
                news?.Add(recorded);
            }

            if (page.Count < PageSize)
                return state;
        }
    }
}
