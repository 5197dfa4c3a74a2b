using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>Brings a conversation's state up to the end of its streams: the newest snapshot, then the tail.</summary>
internal sealed class EntryLoader(IEventStore store, IEventCodec codec, ISnapshots snapshots)
{
    private const int PageSize = 512;

    /// <summary>How often a truncation may come between reading a snapshot and reading what follows it.</summary>
    private const int TriesMax = 3;

    /// <summary>Reads what is new in the conversation's stream.</summary>
    /// <param name="known">The state to go on from; null for none.</param>
    /// <param name="publishFrom">The first entry that counts as news, known or not; null for what follows the known state, or nothing without one.</param>
    /// <returns>The state at the stream's end, and the entries that are new to this node.</returns>
    public async Task<(StreamState<Conversation> State, IReadOnlyList<Recorded> News)> ConversationAsync(
        ConversationId id, StreamState<Conversation>? known, long? publishFrom, CancellationToken cancellationToken)
    {
        var news = new List<Recorded>();
        var state = await LoadAsync(
            StreamName.Of(id), known, StreamState<Conversation>.Empty(Conversation.NotStarted), () => snapshots.ConversationAsync(id, cancellationToken),
            (s, e) => Conversation.Evolve(s, (ConversationEvent)e), known is null ? null : news, cancellationToken);
        var first = known is null ? publishFrom : Math.Min(publishFrom ?? long.MaxValue, known.Revision + 1);
        return first <= state.Revision && (news.Count == 0 || news[0].Revision > first)
            ? (state, await NewsAsync(id, first.Value, state.Revision, cancellationToken))
            : (state, news);
    }

    /// <summary>Reads what is new in the receipts' stream.</summary>
    public async Task<StreamState<Watermarks>> ReceiptsAsync(
        ConversationId id, StreamState<Watermarks>? known, CancellationToken cancellationToken)
    {
        return await LoadAsync(
            StreamName.OfReceipts(id), known, StreamState<Watermarks>.Empty(Watermarks.None), () => snapshots.ReceiptsAsync(id, cancellationToken),
            (s, e) => Watermarks.Evolve(s, (ReceiptEvent)e), news: null, cancellationToken);
    }

    /// <summary>From what is known, or else the snapshot, to the stream's end. What follows what is known may be truncated: then the snapshot is newer.</summary>
    private async Task<StreamState<TState>> LoadAsync<TState>(
        string stream, StreamState<TState>? known, StreamState<TState> empty, Func<Task<Snapshot<TState>?>> snapshot, Func<TState, object, TState> evolve,
        List<Recorded>? news, CancellationToken cancellationToken)
    {
        if (known is not null && await ReadTailAsync(stream, known, evolve, news, cancellationToken) is { } state)
            return state;
        news?.Clear(); // What is left of it is read by itself.
        for (var tries = 1; ; tries++)
        {
            if (await ReadTailAsync(stream, From(await snapshot()) ?? empty, evolve, news: null, cancellationToken) is { } loaded)
                return loaded;
            if (tries == TriesMax)
                throw new StoreUnavailableException($"The start of {stream} is truncated, and no snapshot makes up for it.");
        }
    }

    private async Task<IReadOnlyList<Recorded>> NewsAsync(ConversationId id, long first, long last, CancellationToken cancellationToken)
    {
        var from = Math.Max(first, last - PageSize + 1); // More than a page is left to the catch-up that the gap leads to.
        var page = await store.ReadStreamAsync(StreamName.Of(id), from, ReadDirection.Forwards, (int)(last - from + 1), cancellationToken);
        return [.. page.Where(stored => stored.Revision <= last).Select(codec.Decode)];
    }

    private static StreamState<TState>? From<TState>(Snapshot<TState>? snapshot) =>
        snapshot is null ? null : new StreamState<TState>(snapshot.State, snapshot.Revision, snapshot.Hash, snapshot.Position);

    /// <returns>Null when events are missing between the state and those that are there.</returns>
    private async Task<StreamState<TState>?> ReadTailAsync<TState>(
        string stream, StreamState<TState> state, Func<TState, object, TState> evolve, List<Recorded>? news, CancellationToken cancellationToken)
    {
        while (true)
        {
            var page = await store.ReadStreamAsync(stream, state.Revision + 1, ReadDirection.Forwards, PageSize, cancellationToken);
            foreach (var stored in page)
            {
                if (stored.Revision != state.Revision + 1)
                    return null;
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
