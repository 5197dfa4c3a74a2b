using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Reads and writes accounts' streams. Accounts change rarely, so every command reads the stream's end, decides, and
/// appends at the exact revision; a conflict decides again.
/// </summary>
public sealed class UserWriter(IEventStore store, IEventCodec codec, ClockGuard guard, TimeProvider clock)
{
    private const int PageSize = 256;
    private const int UsersMax = 10_000;

    /// <summary>The most retries of a command after conflicts.</summary>
    private const int ConflictRetriesMax = 10;

    private readonly RecentlyUsed<UserId, StreamState<User>> _recent = new(UsersMax);

    /// <summary>Reads the account from the log.</summary>
    /// <returns>The account's state, and a position that includes it.</returns>
    public async Task<(User User, LogPosition Position)> ReadAsync(UserId id, CancellationToken cancellationToken)
    {
        var state = await LoadAsync(id, cancellationToken);
        return (state.State, state.Position);
    }

    /// <summary>Decides a command and appends its events.</summary>
    /// <param name="commandFor">
    /// Builds the command for the current account; null for none. Called again after a conflict.
    /// </param>
    /// <param name="causation">The cause of the command; null if it was the request.</param>
    /// <exception cref="RefusedException">The command is refused.</exception>
    public async Task<(User User, LogPosition Position)> WriteAsync(
        UserId id, Func<User, CancellationToken, ValueTask<UserCommand?>> commandFor, Actor actor, Guid? causation,
        CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt <= ConflictRetriesMax; attempt++)
        {
            var state = await LoadAsync(id, cancellationToken);
            if (await commandFor(state.State, cancellationToken) is not { } command)
                return (state.State, state.Position);
            if (guard.Problem is { } problem)
                throw new StoreUnavailableException(problem);
            var events = User.Decide(state.State, command, Milliseconds(clock.GetUtcNow()));
            if (events.Count == 0)
                return (state.State, state.Position);

            var draft = Draft(id, state, events, actor, causation);
            var outcome = await store.AppendAsync(draft.Append(StreamName.Of(id)), clock, cancellationToken);
            if (outcome is AppendOutcome.Appended appended)
            {
                _recent.Set(id, draft.At(appended.Position));
                return (draft.State, appended.Position);
            }
        }

        throw new StoreUnavailableException("Others kept writing to this account first.");
    }

    /// <summary>Forgets every account: the log has lost entries.</summary>
    public void ForgetAll() => _recent.Clear();

    private async Task<StreamState<User>> LoadAsync(UserId id, CancellationToken cancellationToken)
    {
        var state = _recent.TryGet(id, out var known) ? known : StreamState<User>.Empty(User.NotRegistered);
        while (true)
        {
            var page = await store.ReadStreamAsync(
                StreamName.Of(id), state.Revision + 1, ReadDirection.Forwards, PageSize, cancellationToken);
            foreach (var recorded in page.Select(codec.Decode))
            {
                state = new StreamState<User>(
                    User.Evolve(state.State, (UserEvent)recorded.Event), recorded.Revision, recorded.Hash,
                    recorded.Position);
            }

            if (page.Count < PageSize)
                break;
        }

        if (state != known && state.State.Id is not null)
            _recent.Set(id, state);
        return state;
    }

    private DraftedStream<User> Draft(
        UserId id, StreamState<User> state, IReadOnlyList<UserEvent> events, Actor actor, Guid? causation)
    {
        var draft = new DraftedStream<User>(state);
        foreach (var @event in events)
        {
            draft.Add(codec, StreamName.Of(id), @event, new EventContext(
                Guid.CreateVersion7(@event.At), @event.At, actor, Activity.Current?.TraceId.ToHexString(), causation));
            draft.State = User.Evolve(draft.State, @event);
        }

        return draft;
    }

    private static DateTimeOffset Milliseconds(DateTimeOffset time) =>
        new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
}
