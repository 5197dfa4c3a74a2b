using System.Net.WebSockets;
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
    IMediator mediator, IEventStore log, IInbox inbox, IReadSide readSide, IEventCodec codec, OpenSockets sockets,
    TimeProvider clock, ILogger<AccountFeed> logger)
    : BackgroundService
{
    /// <summary>The most users whose changes wait; those of further users are dropped.</summary>
    private const int WaitingMax = 10_000;

    /// <summary>The most users of one round.</summary>
    private const int RoundMax = 100;

    /// <summary>The most rounds kept for sockets that have not read their inbox yet; others are dropped.</summary>
    private const int LateMax = 100;

    /// <summary>
    /// How long the read models may take to know the changed users' conversations, before the next try.
    /// </summary>
    private static readonly TimeSpan ViewsWait = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a welcome waits for the log to say where its end is.</summary>
    private static readonly TimeSpan HeadWait = TimeSpan.FromMilliseconds(500);

    /// <summary>The pause after a failure.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private static readonly Type[] ProfileTypes = [typeof(UserEvent.ProfileChanged), typeof(UserEvent.UserErased)];

    private readonly SemaphoreSlim _work = new(0, 1);
    private readonly Lock _lock = new();
    private readonly Dictionary<UserId, Revisions> _own = [];
    private readonly Dictionary<UserId, Revisions> _profiles = [];
    private readonly Queue<Late> _late = [];
    private LogPosition _through;
    private Task<LogPosition> _head = Task.FromResult(LogPosition.Start);

    /// <summary>
    /// Welcomes a socket and registers it. No look at the log falls between the two, so a change is either in what the
    /// client reads after its welcome, or told.
    /// </summary>
    /// <returns>Whether it is the user's first socket.</returns>
    public async ValueTask<bool> WelcomeAsync(Connection connection, ReadOnlyMemory<byte> welcome)
    {
        var head = await HeadAsync();
        lock (_lock)
        {
            connection.WelcomedAt = head > _through ? head : _through;
            connection.Send(welcome);
            return sockets.Add(connection);
        }
    }

    /// <summary>Where the log ends. Sockets that open at the same time share one query.</summary>
    /// <returns>
    /// The log's start where the log does not answer at once: then the socket may be told what it reads by itself, too.
    /// </returns>
    private async ValueTask<LogPosition> HeadAsync()
    {
        Task<LogPosition> head;
        lock (_lock)
            head = _head = _head.IsCompleted ? log.HeadAsync(CancellationToken.None) : _head;
        try
        {
            return await head.WaitAsync(HeadWait, clock);
        }
        catch (Exception exception) when (exception is StoreUnavailableException or TimeoutException)
        {
            return LogPosition.Start;
        }
    }

    /// <summary>Takes changed streams of users, or none. Called for each look; quick, and never throws.</summary>
    /// <param name="through">The position up to which the log is known now.</param>
    public void Note(IEnumerable<ChangedStream> changed, LogPosition through)
    {
        lock (_lock)
        {
            _through = through;
            foreach (var stream in sockets.IsEmpty ? [] : changed)
            {
                var user = new UserId(StreamName.IdOf(stream.Stream));
                var range = new Revisions(stream.First, stream.Last, through);
                if (sockets.Has(user))
                    Add(_own, user, range);
                if (stream.Types.Any(type => codec.TypeOf(type) is { } known && ProfileTypes.Contains(known)))
                    Add(_profiles, user, range);
            }

            if (_work.CurrentCount == 0 && _own.Count + _profiles.Count + _late.Count > 0)
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
            for (var left = LateCount; left > 0; left--)
                await TryLateAsync(stoppingToken);
            for (var more = true; more;)
                more = await TryAsync(_own, TellOwnAsync, stoppingToken)
                    | await TryAsync(_profiles, TellOthersAsync, stoppingToken);
        }
    }

    private int LateCount
    {
        get
        {
            lock (_lock)
                return _late.Count;
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
        if (!await TryAsync(() => tell(round, cancellationToken), cancellationToken))
            PutBack(waiting, round);
        return true;
    }

    /// <summary>Tells the oldest of the late rounds to the sockets that have read their inbox since.</summary>
    private async Task TryLateAsync(CancellationToken cancellationToken)
    {
        Late late;
        lock (_lock)
            late = _late.Dequeue();
        var open = late.Sockets.Where(connection => connection.Socket.State == WebSocketState.Open)
            .ToLookup(connection => connection.IsNew);
        var known = open[false].ToList();
        if (known.Count > 0 && !await TryAsync(ShowAsync, cancellationToken))
            PutOff(late);
        else if (open[true].Any())
            PutOff(late with { Sockets = [.. open[true]] });

        async Task<bool> ShowAsync()
        {
            await TellAsync(late.Round, known, cancellationToken);
            return true;
        }
    }

    /// <returns>False where it is to be tried again.</returns>
    private async Task<bool> TryAsync(Func<Task<bool>> tell, CancellationToken cancellationToken)
    {
        try
        {
            return await tell();
        }
        catch (StoreUnavailableException exception)
        {
            logger.LogDebug("Sockets are told of account changes later: {Reason}", exception.Message);
            await Task.Delay(RetryAfter, clock, cancellationToken);
            return false;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            logger.LogError(exception, "Sockets could not be told of account changes."); // Hints: they are dropped.
            return true;
        }
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
        var open = sockets.ByIsNew();
        await TellAsync(round, open[false], cancellationToken);
        if (open[true].Any())
            PutOff(new Late(round, [.. open[true]]));
        return true;
    }

    /// <summary>Tells profiles to sockets that know all of their conversations.</summary>
    private async Task TellAsync(
        Dictionary<UserId, Revisions> round, IEnumerable<Connection> known, CancellationToken cancellationToken)
    {
        var shared = await inbox.ConversationsOfAsync(
            [.. round.Keys], Connection.ConversationsMax, cancellationToken);
        foreach (var (user, others) in OpenSockets.Sharing(known, shared))
        {
            foreach (var change in await ChangesAsync(user, round[user], profileOnly: true, cancellationToken))
            {
                var frame = FrameWriter.Profile((AccountChange.OfProfile)change);
                foreach (var connection in others.Where(connection => IsNews(change, connection)))
                    connection.Hint(frame);
            }
        }
    }

    /// <summary>
    /// Whether a change may have come after the welcome; an earlier one is in what the client reads for itself. The
    /// change's own time does not tell: it may take seconds from the decision to the log.
    /// </summary>
    private static bool IsNews(AccountChange change, Connection connection) =>
        change.Position > connection.WelcomedAt;

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

    private void PutOff(Late late)
    {
        lock (_lock)
        {
            if (_late.Count < LateMax)
                _late.Enqueue(late);
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

    /// <summary>Changed profiles, and the sockets that had not read their inbox yet.</summary>
    private sealed record Late(Dictionary<UserId, Revisions> Round, IReadOnlyList<Connection> Sockets);

    /// <summary>Revisions of a user's stream, and a position at which the log holds them.</summary>
    private readonly record struct Revisions(long First, long Last, LogPosition Through);
}
