using ChatCqrs.Application;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Projections.Snapshots;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>The snapshots of all streams that are long enough to need one: documents.</summary>
internal sealed class SnapshotsModel : IReadModel
{
    /// <summary>Members in the snapshots that are written at once; one snapshot more at worst.</summary>
    private const int MembersAtOnce = 5_000;

    private const string Reason = "It repeats what the log says, without contents.";

    private readonly SnapshotFold<Conversation, ConversationEvent> _conversations = new(
        Conversation.NotStarted, (state, @event) => Conversation.Evolve(Slim(state), @event),
        @event => @event is ConversationEvent.MessagesExpired); // So that the log before it can go.

    private readonly SnapshotFold<Watermarks, ReceiptEvent> _receipts = new(Watermarks.None, Watermarks.Evolve, _ => false);

    public string Name => "snapshots";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        new DocumentTable<ConversationSnapshot>("conversation_snapshots")
        {
            Map = documents => documents.Identity(view => view.Id),
            TakenOver = TruncatedRows.Conversation("t.id::uuid"),
            OnErasure = OnErasure.Keeps(Reason),
            InExport = InExport.Leaves(Reason),
        },
        new DocumentTable<ReceiptsSnapshot>("receipts_snapshots")
        {
            Map = documents => documents.Identity(view => view.Id),
            TakenOver = TruncatedRows.Receipts("t.id::uuid"),
            OnErasure = OnErasure.Keeps(Reason),
            InExport = InExport.Leaves(Reason),
        },
    ];

    public int WeightOf(Recorded fact) => 0; // Few are due, and they are written some members at a time.

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var conversations = await _conversations.ApplyAsync(
            facts, session.Streams,
            async id => await session.Documents.LoadAsync<ConversationSnapshot>(id, cancellationToken) is { } s
                ? (s.ToState(), s.Revision)
                : null,
            cancellationToken);
        await SaveAsync(
            conversations.Select(due => ConversationSnapshot.Of(due.Last.Conversation.ToString(), due.State, due.Last)),
            snapshot => snapshot.Members.Length, session, cancellationToken);
        var receipts = await _receipts.ApplyAsync(
            facts, session.Streams,
            async id => await session.Documents.LoadAsync<ReceiptsSnapshot>(id, cancellationToken) is { } s
                ? (s.ToState(), s.Revision)
                : null,
            cancellationToken);
        await SaveAsync(
            receipts.Select(due => ReceiptsSnapshot.Of(due.Last.Conversation.ToString(), due.State, due.Last)),
            snapshot => snapshot.Members.Length, session, cancellationToken);
    }

    public void Forget()
    {
        _conversations.Forget();
        _receipts.Forget();
    }

    /// <summary>Stores snapshots, and writes them whenever they hold many members.</summary>
    private static async Task SaveAsync<TSnapshot>(
        IEnumerable<TSnapshot> snapshots, Func<TSnapshot, int> membersOf, ReadModelSession session,
        CancellationToken cancellationToken)
        where TSnapshot : class
    {
        var members = 0;
        foreach (var snapshot in snapshots)
        {
            session.Documents.Store(snapshot);
            members += membersOf(snapshot);
            if (members < MembersAtOnce)
                continue;
            await session.Documents.SaveChangesAsync(cancellationToken);
            members = 0;
        }
    }

    /// <summary>
    /// Snapshots leave the recent messages out, so they need not be carried along: all but what is kept of ids whose
    /// time was ahead of the clock.
    /// </summary>
    private static Conversation Slim(Conversation state) => state with
    {
        Recent = RecentMessages.None with { Horizons = state.Recent.Horizons, Ahead = state.Recent.Ahead },
    };
}

/// <summary>
/// Folds streams into the states that are kept: the one after every <see cref="Every"/>th event of a stream, and after
/// some events besides. States are carried along in memory, those used last; what is not there is taken up, when it is
/// due, from the last snapshot and the stream.
/// </summary>
/// <param name="isDueAfter">The events after which one is kept whatever their number.</param>
internal sealed class SnapshotFold<TState, TEvent>(
    TState empty, Func<TState, TEvent, TState> evolve, Func<TEvent, bool> isDueAfter)
    where TState : class
    where TEvent : class
{
    /// <summary>How many events a stream grows by between two snapshots.</summary>
    public const int Every = 64;

    /// <summary>How many streams' states are kept in memory.</summary>
    private const int StatesMax = 20_000;

    private RecentlyUsed<string, (TState State, long Revision)> _states = new(StatesMax);

    /// <param name="load">The last snapshot of a stream by its id, and its revision; null for none.</param>
    /// <returns>The newest state that is due for each stream, and the event that made it.</returns>
    public async Task<IEnumerable<(TState State, Recorded Last)>> ApplyAsync(
        IReadOnlyList<Recorded> facts, StreamFacts streams, Func<string, Task<(TState State, long Revision)?>> load,
        CancellationToken cancellationToken)
    {
        var due = new Dictionary<string, (TState, Recorded)>();
        foreach (var fact in facts)
        {
            if (fact.Event is not TEvent @event)
                continue;
            var isDue = (fact.Revision + 1) % Every == 0 || isDueAfter(@event);
            if (await BeforeAsync(fact, isDue, streams, load, cancellationToken) is not { } before)
                continue;
            var state = evolve(before, @event);
            _states.Set(fact.Stream, (state, fact.Revision));
            if (isDue)
                due[fact.Stream] = (state, fact);
        }

        return due.Values;
    }

    public void Forget() => _states = new(StatesMax);

    /// <summary>The state just before an event; null where it is neither known nor needed.</summary>
    private async Task<TState?> BeforeAsync(
        Recorded fact, bool isDue, StreamFacts streams, Func<string, Task<(TState State, long Revision)?>> load,
        CancellationToken cancellationToken)
    {
        if (fact.Revision == 0)
            return empty;
        if (_states.TryGet(fact.Stream, out var known) && known.Revision == fact.Revision - 1)
            return known.State;
        return isDue ? await TakeUpAsync(fact, streams, load, cancellationToken) : null;
    }

    private async Task<TState?> TakeUpAsync(
        Recorded fact, StreamFacts streams, Func<string, Task<(TState State, long Revision)?>> load, CancellationToken cancellationToken)
    {
        const int PageSize = 512;
        var (state, revision) = await load(StreamName.IdOf(fact.Stream).ToString()) ?? (empty, -1);
        if (revision >= fact.Revision)
            return null; // A rebuild that began with what was there: it has a newer one.
        while (revision < fact.Revision - 1)
        {
            var page = await streams.ReadAsync(
                fact.Stream, revision + 1, (int)Math.Min(PageSize, fact.Revision - 1 - revision), cancellationToken);
            if (page.Count == 0 || page[0].Revision != revision + 1)
                return null; // Its start was truncated, and there is no snapshot to go on from.
            foreach (var earlier in page)
                state = evolve(state, (TEvent)earlier.Event);
            revision = page[^1].Revision;
        }

        return state;
    }
}
