using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Reads a conversation to the end of its streams: from the known state, else from the newest snapshot, else from the
/// start. A state whose last event is another in the log, or whose hash the next event is not linked to, is of entries
/// that the log has lost, and is not used.
/// </summary>
internal sealed class ConversationLoader(IEventStore store, IEventCodec codec, ISnapshots snapshots)
{
    private const int PageSize = 512;

    /// <summary>How often a snapshot is read again because the events after it were truncated meanwhile.</summary>
    private const int TriesMax = 3;

    /// <summary>Reads the conversation's stream.</summary>
    /// <param name="known">The state in memory; null for none.</param>
    /// <param name="showFrom">
    /// The first entry that counts as news, even if it is known; null for the entries after the known state, or none
    /// without one.
    /// </param>
    /// <param name="snapshotMax">Snapshots beyond this revision are not used.</param>
    /// <returns>
    /// The state at the stream's end, and the news without a gap up to there: the last page of them at most.
    /// </returns>
    public async Task<(StreamState<Conversation> State, IReadOnlyList<Recorded> News)> ConversationAsync(
        ConversationId id, StreamState<Conversation>? known, long? showFrom, long snapshotMax,
        CancellationToken cancellationToken)
    {
        var news = new List<Recorded>();
        var state = await LoadAsync(
            StreamName.Of(id), known, StreamState<Conversation>.Empty(Conversation.NotStarted),
            () => snapshots.ConversationAsync(id, cancellationToken), snapshotMax,
            (s, e) => Conversation.Evolve(s, (ConversationEvent)e), known is null ? null : news, cancellationToken);
        var first = known is null ? showFrom : Math.Min(showFrom ?? long.MaxValue, known.Revision + 1);
        return first <= state.Revision && (news.Count == 0 || news[0].Revision > first)
            ? (state, await NewsAsync(id, first.Value, state.Revision, cancellationToken))
            : (state, news);
    }

    /// <summary>Reads the receipts' stream.</summary>
    /// <param name="known">The state in memory; null for none.</param>
    /// <param name="snapshotMax">Snapshots beyond this revision are not used.</param>
    public Task<StreamState<Watermarks>> ReceiptsAsync(
        ConversationId id, StreamState<Watermarks>? known, long snapshotMax,
        CancellationToken cancellationToken) => LoadAsync(
        StreamName.OfReceipts(id), known, StreamState<Watermarks>.Empty(Watermarks.None),
        () => snapshots.ReceiptsAsync(id, cancellationToken), snapshotMax,
        (s, e) => Watermarks.Evolve(s, (ReceiptEvent)e), news: null, cancellationToken);

    /// <summary>
    /// Where the events after the known state were truncated, the newest snapshot is further than that state.
    /// </summary>
    private async Task<StreamState<TState>> LoadAsync<TState>(
        string stream, StreamState<TState>? known, StreamState<TState> empty, Func<Task<Snapshot<TState>?>> snapshot,
        long snapshotMax, Func<TState, object, TState> evolve, List<Recorded>? news,
        CancellationToken cancellationToken)
    {
        if (known is not null && await ReadTailAsync(stream, known, evolve, news, cancellationToken) is { } state)
            return state;
        news?.Clear(); // The caller reads what is left of them.
        for (var tries = 0; tries < TriesMax; tries++)
        {
            var newest = await snapshot();
            var start = newest?.Revision <= snapshotMax ? From(newest) : empty;
            if (await ReadTailAsync(stream, start, evolve, news: null, cancellationToken) is { } loaded)
                return loaded;
        }

        return await ReadTailAsync(stream, empty, evolve, news: null, cancellationToken)
            ?? throw new StoreUnavailableException($"{stream} is truncated, and no snapshot replaces its start.");
    }

    private async Task<IReadOnlyList<Recorded>> NewsAsync(
        ConversationId id, long first, long last, CancellationToken cancellationToken)
    {
        var from = Math.Max(first, last - PageSize + 1); // Sockets find the gap, and fetch what is before it.
        var count = (int)(last - from + 1);
        var page = await store.ReadStreamAsync(
            StreamName.Of(id), from, ReadDirection.Forwards, count, cancellationToken);
        return [.. page.Where(stored => stored.Revision <= last).Select(codec.Decode)];
    }

    private static StreamState<TState> From<TState>(Snapshot<TState> snapshot) =>
        new(snapshot.State, snapshot.Revision, snapshot.Hash, snapshot.Position);

    /// <summary>Reads the events after a state, from the state's own event on, which is compared.</summary>
    /// <returns>
    /// Null when the state's event is another in the log, or when events after it were truncated, or are not linked.
    /// </returns>
    private async Task<StreamState<TState>?> ReadTailAsync<TState>(
        string stream, StreamState<TState> state, Func<TState, object, TState> evolve, List<Recorded>? news,
        CancellationToken cancellationToken)
    {
        var from = Math.Max(state.Revision, 0);
        for (var isLinked = false; ; from = state.Revision + 1)
        {
            var page = await store.ReadStreamAsync(
                stream, from, ReadDirection.Forwards, PageSize, cancellationToken);
            foreach (var stored in page)
            {
                if (!isLinked && !Follows(stored, state))
                    return null;
                isLinked = true; // What follows was linked by whoever appended it.
                if (stored.Revision == state.Revision)
                    continue;
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

    /// <summary>Whether an event is the state's last one, or linked to it.</summary>
    private bool Follows<TState>(StoredEvent stored, StreamState<TState> state) =>
        stored.Revision == state.Revision
            ? codec.HashOf(stored).Span.SequenceEqual(state.Hash.Span)
            : stored.Revision == state.Revision + 1 && codec.IsLinked(stored, state.Hash);
}
