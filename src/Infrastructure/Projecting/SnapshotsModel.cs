using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Projections.Snapshots;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Keeps a snapshot of every stream that is long enough to need one. The states are folded in memory, and written every <see cref="Every"/> events only;
/// what is not in memory is taken up from the last snapshot and the stream's tail.
/// </summary>
internal sealed class SnapshotsModel(IEventStore store, IEventCodec codec) : IReadModel
{
    /// <summary>How many events a stream grows by between two snapshots.</summary>
    public const int Every = 64;

    /// <summary>How many streams' states are kept in memory.</summary>
    private const int StatesMax = 20_000;

    private readonly Dictionary<string, Tracked<Conversation>> _conversations = [];
    private readonly Dictionary<string, Tracked<Watermarks>> _receipts = [];

    public string Name => "snapshots";
    public IReadOnlyList<string> Tables { get; } = ["mt_doc_conversation_snapshots", "mt_doc_receipts_snapshots"];

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        await ApplyAsync<Conversation, ConversationEvent>(
            facts, _conversations, Conversation.NotStarted, Conversation.Evolve,
            async id => await session.Documents.LoadAsync<ConversationSnapshot>(id, cancellationToken) is { } s ? new(s.ToState(), s.Revision) : null,
            (id, state, last) => session.Documents.Store(ConversationSnapshot.Of(id, state, last)), cancellationToken);
        await ApplyAsync<Watermarks, ReceiptEvent>(
            facts, _receipts, Watermarks.None, Watermarks.Evolve,
            async id => await session.Documents.LoadAsync<ReceiptsSnapshot>(id, cancellationToken) is { } s ? new(s.ToState(), s.Revision) : null,
            (id, state, last) => session.Documents.Store(ReceiptsSnapshot.Of(id, state, last)), cancellationToken);
    }

    public void Forget()
    {
        _conversations.Clear();
        _receipts.Clear();
    }

    private async Task ApplyAsync<TState, TEvent>(
        IReadOnlyList<Recorded> facts, Dictionary<string, Tracked<TState>> states, TState empty, Func<TState, TEvent, TState> evolve,
        Func<string, Task<Tracked<TState>?>> load, Action<string, TState, Recorded> save, CancellationToken cancellationToken)
        where TEvent : class
    {
        if (states.Count > StatesMax)
            states.Clear();
        foreach (var fact in facts)
        {
            if (fact.Event is not TEvent @event)
                continue;
            if (!states.TryGetValue(fact.Stream, out var tracked))
            {
                tracked = await TakeUpAsync(fact, empty, evolve, load, cancellationToken);
                states.Add(fact.Stream, tracked);
            }

            tracked.State = evolve(tracked.State, @event);
            if (fact.Revision - tracked.Saved < Every)
                continue;
            save(StreamName.IdOf(fact.Stream).ToString(), tracked.State, fact);
            tracked.Saved = fact.Revision;
        }
    }

    /// <summary>The state just before an event.</summary>
    private async Task<Tracked<TState>> TakeUpAsync<TState, TEvent>(
        Recorded fact, TState empty, Func<TState, TEvent, TState> evolve, Func<string, Task<Tracked<TState>?>> load,
        CancellationToken cancellationToken)
    {
        const int PageSize = 512;
        var tracked = (fact.Revision < Every ? null : await load(StreamName.IdOf(fact.Stream).ToString())) ?? new Tracked<TState>(empty, -1);
        for (var next = tracked.Saved + 1; next < fact.Revision;)
        {
            var page = await store.ReadStreamAsync(
                fact.Stream, next, ReadDirection.Forwards, (int)Math.Min(PageSize, fact.Revision - next), cancellationToken);
            if (page.Count == 0)
                break; // Truncated: what is gone counts no more.
            foreach (var stored in page)
                tracked.State = evolve(tracked.State, (TEvent)codec.Decode(stored).Event);
            next = page[^1].Revision + 1;
        }

        return tracked;
    }

    /// <param name="state">The state in memory.</param>
    /// <param name="saved">The revision of the last snapshot; -1 for none.</param>
    private sealed class Tracked<TState>(TState state, long saved)
    {
        public TState State { get; set; } = state;
        public long Saved { get; set; } = saved;
    }
}
