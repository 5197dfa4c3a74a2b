using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Reads and writes the streams of the audit, which change rarely. An append is made at the exact revision; a conflict
/// with another node decides again. On one node the writers of a stream take turns, so that they do not conflict.
/// </summary>
public sealed class AuditWriter(IEventStore store, IEventCodec codec, ClockGuard guard, TimeProvider clock)
{
    private const int PageSize = 256;

    /// <summary>The most retries after conflicts with other nodes.</summary>
    private const int ConflictRetriesMax = 20;

    /// <summary>
    /// The longest wait after the first conflict, and so much more after each one. The wait is random, so that those
    /// who conflict do not meet again.
    /// </summary>
    private static readonly TimeSpan ConflictRetryAfter = TimeSpan.FromMilliseconds(10);

    /// <summary>The turns of streams; several streams may share one.</summary>
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Appends one event, whatever the stream holds. On return it is durable.</summary>
    /// <param name="eventFor">Makes the event for a time, which never decreases in a stream.</param>
    /// <returns>The event's id.</returns>
    /// <exception cref="StoreUnavailableException">
    /// The log cannot be reached, or the clock is wrong. The event may be in the log or not.
    /// </exception>
    public async Task<Guid> AppendAsync(
        string stream, Func<DateTimeOffset, AuditEvent> eventFor, Actor actor, CancellationToken cancellationToken)
    {
        var id = Guid.Empty;
        await InTurnAsync(
            stream,
            async () =>
            {
                var last = await LastAsync(stream, cancellationToken);
                var draft = new DraftedStream<DateTimeOffset>(last);
                id = Add(draft, stream, eventFor(Now(last.State)), actor);
                return await store.AppendAsync(draft.Append(stream), clock, cancellationToken);
            },
            cancellationToken);
        return id;
    }

    /// <summary>Folds the stream, decides, and appends what was decided.</summary>
    /// <param name="decide">
    /// The events for a state and a time; none if the state is as asked already. Called again after a conflict.
    /// </param>
    /// <returns>The state with these events, and a position that includes it.</returns>
    /// <exception cref="RefusedException"><paramref name="decide"/> refused.</exception>
    /// <exception cref="StoreUnavailableException">The log cannot be reached, or the clock is wrong.</exception>
    public async Task<(TState State, LogPosition Position)> WriteAsync<TState>(
        string stream, TState empty, Func<TState, AuditEvent, TState> evolve,
        Func<TState, DateTimeOffset, IReadOnlyList<AuditEvent>> decide, Actor actor,
        CancellationToken cancellationToken)
    {
        (TState, LogPosition) result = default;
        await InTurnAsync(
            stream,
            async () =>
            {
                var (state, at) = await FoldAsync(stream, empty, evolve, cancellationToken);
                var events = decide(state.State, Now(at));
                result = (state.State, state.Position);
                if (events.Count == 0)
                    return new AppendOutcome.Appended(state.Revision, state.Position);
                var draft = new DraftedStream<TState>(state);
                foreach (var @event in events)
                {
                    Add(draft, stream, @event, actor);
                    draft.State = evolve(draft.State, @event);
                }

                var outcome = await store.AppendAsync(draft.Append(stream), clock, cancellationToken);
                if (outcome is AppendOutcome.Appended appended)
                    result = (draft.State, appended.Position);
                return outcome;
            },
            cancellationToken);
        return result;
    }

    /// <summary>The state that a stream's events lead to.</summary>
    public async Task<TState> ReadAsync<TState>(
        string stream, TState empty, Func<TState, AuditEvent, TState> evolve, CancellationToken cancellationToken) =>
        (await FoldAsync(stream, empty, evolve, cancellationToken)).State.State;

    /// <summary>A matter as the log says; its id is null if there is none.</summary>
    public Task<Matter> ReadAsync(MatterId matter, CancellationToken cancellationToken) =>
        ReadAsync(StreamName.Of(matter), Matter.NotRequested, Matter.Evolve, cancellationToken);

    /// <summary>A hold as the log says; its id is null if there is none.</summary>
    public Task<Hold> ReadAsync(HoldId hold, CancellationToken cancellationToken) =>
        ReadAsync(StreamName.Of(hold), Hold.NotPlaced, Hold.Evolve, cancellationToken);

    /// <inheritdoc cref="WriteAsync{TState}"/>
    public Task<(Matter State, LogPosition Position)> WriteAsync(
        MatterId matter, MatterCommand command, Actor actor, CancellationToken cancellationToken) => WriteAsync(
        StreamName.Of(matter), Matter.NotRequested, Matter.Evolve,
        (state, at) => Matter.Decide(state, command, at), actor, cancellationToken);

    /// <inheritdoc cref="WriteAsync{TState}"/>
    public Task<(Hold State, LogPosition Position)> WriteAsync(
        HoldId hold, HoldCommand command, Actor actor, CancellationToken cancellationToken) => WriteAsync(
        StreamName.Of(hold), Hold.NotPlaced, Hold.Evolve, (state, at) => Hold.Decide(state, command, at), actor,
        cancellationToken);

    private async Task InTurnAsync(
        string stream, Func<Task<AppendOutcome>> attempt, CancellationToken cancellationToken)
    {
        var turn = _turns[(uint)stream.GetHashCode(StringComparison.Ordinal) % _turns.Length];
        await turn.WaitAsync(cancellationToken);
        try
        {
            for (var attempts = 0; attempts <= ConflictRetriesMax; attempts++)
            {
                if (guard.Problem is { } problem)
                    throw new StoreUnavailableException(problem);
                if (await attempt() is AppendOutcome.Appended)
                    return;
                await Task.Delay(
                    ConflictRetryAfter * Random.Shared.NextDouble() * (attempts + 1), clock, cancellationToken);
            }
        }
        finally
        {
            turn.Release();
        }

        throw new StoreUnavailableException($"Others kept writing to {stream} first.");
    }

    private async Task<(StreamState<TState> State, DateTimeOffset At)> FoldAsync<TState>(
        string stream, TState empty, Func<TState, AuditEvent, TState> evolve, CancellationToken cancellationToken)
    {
        var (state, at) = (StreamState<TState>.Empty(empty), DateTimeOffset.MinValue);
        while (true)
        {
            var page = await store.ReadStreamAsync(
                stream, state.Revision + 1, ReadDirection.Forwards, PageSize, cancellationToken);
            foreach (var fact in page.Select(codec.Decode))
            {
                state = new StreamState<TState>(
                    evolve(state.State, (AuditEvent)fact.Event), fact.Revision, fact.Hash, fact.Position);
                at = fact.At;
            }

            if (page.Count < PageSize)
                return (state, at);
        }
    }

    /// <summary>The stream's end; its state is the time of the last event.</summary>
    private async Task<StreamState<DateTimeOffset>> LastAsync(string stream, CancellationToken cancellationToken)
    {
        var last = await store.ReadStreamAsync(
            stream, long.MaxValue, ReadDirection.Backwards, limit: 1, cancellationToken);
        if (last.Count == 0)
            return StreamState<DateTimeOffset>.Empty(DateTimeOffset.MinValue);
        var fact = codec.Decode(last[0]);
        return new StreamState<DateTimeOffset>(fact.At, fact.Revision, fact.Hash, fact.Position);
    }

    private Guid Add<TState>(DraftedStream<TState> draft, string stream, AuditEvent @event, Actor actor)
    {
        var id = Guid.CreateVersion7(@event.At);
        draft.Add(codec, stream, @event, new EventContext(
            id, @event.At, actor, Activity.Current?.TraceId.ToHexString(), CausationId: null));
        return id;
    }

    private DateTimeOffset Now(DateTimeOffset last)
    {
        var now = AskedTime.FloorOf(clock.GetUtcNow());
        return now > last ? now : last;
    }
}
