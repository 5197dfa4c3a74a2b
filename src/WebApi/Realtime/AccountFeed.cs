using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using MediatR;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Tells the sockets of this node what changed outside of conversations' streams: to a user's own ones all of it, and
/// profiles also to those that share a conversation. The changes are events in users' streams, which
/// <see cref="LogFollower"/> finds, whichever node wrote them (docs/adr/0035). Frames are hints.
/// </summary>
internal sealed class AccountFeed(
    IMediator mediator, IInbox inbox, IReadSide readSide, IEventCodec codec, OpenSockets sockets, TimeProvider clock,
    ILogger<AccountFeed> logger)
    : BackgroundService
{
    /// <summary>The most users whose changes wait; those of further users are dropped.</summary>
    private const int WaitingMax = 10_000;

    /// <summary>The most users of one round.</summary>
    private const int RoundMax = 100;

    /// <summary>
    /// How long the read models may take to know the changed users' conversations, before the next try.
    /// </summary>
    private static readonly TimeSpan ViewsWait = TimeSpan.FromMilliseconds(500);

    /// <summary>The pause after a failure.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private static readonly Type[] ProfileTypes = [typeof(UserEvent.ProfileChanged), typeof(UserEvent.UserErased)];

    private readonly SemaphoreSlim _work = new(0, 1);
    private readonly Lock _lock = new();
    private readonly Dictionary<UserId, Revisions> _own = [];
    private readonly Dictionary<UserId, Revisions> _profiles = [];

    /// <summary>Takes changed streams of users. Quick, and never throws.</summary>
    /// <param name="through">A position at which the log holds these changes.</param>
    public void Note(IEnumerable<ChangedStream> changed, LogPosition through)
    {
        if (sockets.IsEmpty)
            return;
        lock (_lock)
        {
            foreach (var stream in changed)
            {
                var user = new UserId(StreamName.IdOf(stream.Stream));
                var range = new Revisions(stream.First, stream.Last, through);
                if (sockets.Has(user))
                    Add(_own, user, range);
                if (stream.Types.Any(type => codec.TypeOf(type) is { } known && ProfileTypes.Contains(known)))
                    Add(_profiles, user, range);
            }

            if (_work.CurrentCount == 0 && _own.Count + _profiles.Count > 0)
                _work.Release();
        }
    }

    public override void Dispose()
    {
        _work.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _work.WaitAsync(stoppingToken);
            for (var more = true; more;)
                more = await TryAsync(_own, TellOwnAsync, stoppingToken)
                    | await TryAsync(_profiles, TellOthersAsync, stoppingToken);
        }
    }

    /// <summary>Does one round.</summary>
    /// <returns>Whether there was anything to do.</returns>
    private async Task<bool> TryAsync(
        Dictionary<UserId, Revisions> waiting,
        Func<Dictionary<UserId, Revisions>, CancellationToken, Task<bool>> tell, CancellationToken cancellationToken)
    {
        var round = Take(waiting);
        if (round.Count == 0)
            return false;
        try
        {
            if (!await tell(round, cancellationToken))
                PutBack(waiting, round);
        }
        catch (StoreUnavailableException exception)
        {
            logger.LogDebug("Sockets are told of account changes later: {Reason}", exception.Message);
            PutBack(waiting, round);
            await Task.Delay(RetryAfter, clock, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            logger.LogError(exception, "Sockets could not be told of account changes."); // Hints: they are dropped.
        }

        return true;
    }

    private async Task<bool> TellOwnAsync(Dictionary<UserId, Revisions> round, CancellationToken cancellationToken)
    {
        foreach (var (user, range) in round)
        {
            if (!sockets.Has(user))
                continue;
            foreach (var change in await ChangesAsync(user, range, profileOnly: false, cancellationToken))
            {
                foreach (var connection in sockets.Of(user).Where(connection => IsNews(change, connection)))
                    connection.Hint(FrameWriter.Account(change, connection.Device));
            }
        }

        return true;
    }

    /// <returns>False when the read models are too far behind.</returns>
    private async Task<bool> TellOthersAsync(Dictionary<UserId, Revisions> round, CancellationToken cancellationToken)
    {
        if (!await readSide.WaitForAsync(round.Values.Max(range => range.Through), ViewsWait, cancellationToken))
            return false;
        var shared = await inbox.ConversationsOfAsync(
            [.. round.Keys], Connection.ConversationsMax, cancellationToken);
        foreach (var (user, others) in sockets.Sharing(shared))
        {
            foreach (var change in await ChangesAsync(user, round[user], profileOnly: true, cancellationToken))
            {
                var frame = FrameWriter.Profile((AccountChange.OfProfile)change);
                foreach (var connection in others.Where(connection => IsNews(change, connection)))
                    connection.Hint(frame);
            }
        }

        return true;
    }

    /// <summary>
    /// Whether a change came after the welcome. An earlier one the client reads for itself: it reads its inbox later.
    /// </summary>
    private static bool IsNews(AccountChange change, Connection connection) => change.At >= connection.OpenedAt;

    /// <returns>None where they cannot be read: one user's events hold up nobody else's hints.</returns>
    private async Task<IReadOnlyList<AccountChange>> ChangesAsync(
        UserId user, Revisions range, bool profileOnly, CancellationToken cancellationToken)
    {
        try
        {
            return await mediator.Send(
                new ReadAccountChanges.Query(user, range.First, range.Last, profileOnly), cancellationToken);
        }
        catch (Exception exception) when (exception is not (StoreUnavailableException or OperationCanceledException))
        {
            logger.LogError(exception, "Changes of the account {User} cannot be told.", user);
            return [];
        }
    }

    private Dictionary<UserId, Revisions> Take(Dictionary<UserId, Revisions> waiting)
    {
        lock (_lock)
        {
            var round = waiting.Take(RoundMax).ToDictionary();
            foreach (var user in round.Keys)
                waiting.Remove(user);
            return round;
        }
    }

    private void PutBack(Dictionary<UserId, Revisions> waiting, Dictionary<UserId, Revisions> round)
    {
        lock (_lock)
        {
            foreach (var (user, range) in round)
                Add(waiting, user, range);
        }
    }

    private static void Add(Dictionary<UserId, Revisions> waiting, UserId user, Revisions range)
    {
        if (waiting.TryGetValue(user, out var known))
        {
            waiting[user] = new Revisions(
                Math.Min(known.First, range.First), Math.Max(known.Last, range.Last),
                known.Through < range.Through ? range.Through : known.Through);
        }
        else if (waiting.Count < WaitingMax)
        {
            waiting.Add(user, range);
        }
    }

    /// <summary>Revisions of a user's stream, and a position at which the log holds them.</summary>
    private readonly record struct Revisions(long First, long Last, LogPosition Through);
}
