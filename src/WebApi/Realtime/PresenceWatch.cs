using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Sends presence to the sockets of this node that watch it. One loop looks users up when it hears that they came or
/// went, and all watched users at every beat. So a lost announcement and a dead node show within a beat. Sockets that
/// watch nobody cost nothing. Where a member leaves a conversation, the pairs that they are in are looked at again at
/// once.
/// </summary>
internal sealed class PresenceWatch(
    IPresence presence, PresenceVisibility visibility, IInbox inbox, IReadSide readSide, LiveHub hub,
    OpenSockets sockets, IOptions<PresenceOptions> options, TimeProvider clock, ILogger<PresenceWatch> logger)
    : BackgroundService
{
    /// <summary>The most users, or pairs, of one query.</summary>
    private const int BatchMax = 1_000;

    /// <summary>
    /// Every twelfth beat checks whether watchers may still watch, in case the news of a leaving was lost.
    /// </summary>
    private const int SharingEvery = 12;

    /// <summary>
    /// The most users who left and are still to be looked at; beyond it, all pairs are.
    /// </summary>
    private const int GoneMax = 10_000;

    /// <summary>How long the read models may take to show that a member left, before the next try.</summary>
    private static readonly TimeSpan GoneWait = TimeSpan.FromMilliseconds(500);

    /// <summary>The state shown of a user who may not be watched any more.</summary>
    private static readonly PresenceState Hidden = new(false, null);

    private readonly PresenceWatchers _watchers = new();
    private readonly SemaphoreSlim _work = new(0, 1);
    private readonly Lock _waking = new();
    private readonly Lock _leaving = new();
    private readonly HashSet<UserId> _gone = [];
    private LogPosition _goneAt = LogPosition.Start;
    private long _leavings;

    /// <summary>
    /// Lets a socket watch further users, and sends it their present state; with an empty collection it watches nobody
    /// any more.
    /// </summary>
    /// <returns>False beyond the most that a socket or a node may watch.</returns>
    public bool Add(Connection connection, IReadOnlyCollection<UserId> users)
    {
        if (!_watchers.Add(connection, users))
            return false;
        Wake();
        return true;
    }

    /// <summary>Forgets a closed socket.</summary>
    public void Remove(Connection connection) => _watchers.Remove(connection);

    public override void Dispose()
    {
        presence.Changed -= OnChanged;
        hub.MemberGone -= OnGone;
        _work.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        presence.Changed += OnChanged;
        hub.MemberGone += OnGone;
        var beats = 0;
        for (var beatAt = clock.GetTimestamp(); ;)
        {
            var rest = options.Value.BeatEvery - clock.GetElapsedTime(beatAt);
            if (rest > TimeSpan.Zero)
                await _work.WaitAsync(rest, stoppingToken);
            try
            {
                await PruneGoneAsync(stoppingToken);
                if (clock.GetElapsedTime(beatAt) >= options.Value.BeatEvery)
                {
                    beatAt = clock.GetTimestamp();
                    var alsoStrangers = ++beats % SharingEvery == 0;
                    foreach (var batch in _watchers.Pairs().Chunk(BatchMax))
                        await PruneAsync(batch, alsoStrangers, stoppingToken);
                    _watchers.NoteChangeOfAll();
                }

                while (_watchers.Take(BatchMax, out var users, out var asked))
                    await ShowAsync(users, asked, stoppingToken);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogDebug("Presence is not known for the moment: {Reason}", exception.Message);
                await Task.Delay(options.Value.BeatEvery, clock, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A bug here must not stop the node, which delivers messages.
                logger.LogError(exception, "Presence could not be shown.");
                await Task.Delay(options.Value.BeatEvery, clock, stoppingToken);
            }
        }
    }

    private void OnChanged(UserId user)
    {
        if (_watchers.NoteChange(user))
            Wake();
    }

    private void OnGone(UserId user, LogPosition position)
    {
        if (_watchers.IsEmpty)
            return;
        lock (_leaving)
        {
            if (_gone.Count < GoneMax)
                _gone.Add(user);
            if (position > _goneAt)
                _goneAt = position;
            _leavings++;
        }

        Wake();
    }

    /// <summary>Ends pairs that no common conversation allows any more, of users who have left one.</summary>
    private async Task PruneGoneAsync(CancellationToken cancellationToken)
    {
        UserId[] gone;
        LogPosition at;
        long leavings;
        lock (_leaving)
            (gone, at, leavings) = ([.. _gone], _goneAt, _leavings);
        if (gone.Length == 0)
            return;
        if (!await readSide.WaitForAsync(at, GoneWait, cancellationToken))
        {
            Wake(); // The read models lag: again at once, for as long as it takes.
            return;
        }

        var pairs = gone.Length < GoneMax ? _watchers.PairsOf(gone, sockets.Of) : [.. _watchers.Pairs()];
        foreach (var batch in pairs.Chunk(BatchMax))
            await PruneAsync(batch, alsoStrangers: true, cancellationToken);
        lock (_leaving)
        {
            if (_leavings == leavings)
                _gone.Clear(); // Otherwise somebody has left meanwhile, perhaps one of these again.
        }
    }

    private async Task ShowAsync(UserId[] users, HashSet<PresencePair> asked, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var (user, state) in await visibility.StatesAsync(users, cancellationToken))
            {
                var frame = FrameWriter.Presence(user, state);
                foreach (var watcher in _watchers.RecipientsOf(user, state, asked))
                {
                    if (!await visibility.AreApartAsync(watcher.User, user, cancellationToken))
                        watcher.Send(frame);
                }
            }
        }
        catch (StoreUnavailableException)
        {
            _watchers.PutBack(users, asked);
            throw;
        }
    }

    /// <summary>Ends pairs that a block separates.</summary>
    /// <param name="alsoStrangers">Whether to end pairs that no common conversation allows, too.</param>
    private async Task PruneAsync(
        IReadOnlyCollection<PresencePair> pairs, bool alsoStrangers, CancellationToken cancellationToken)
    {
        var watchable = alsoStrangers
            ? await inbox.WatchableAsync(
                [.. pairs.Select(pair => (pair.Watcher.User, pair.User)).Distinct()], cancellationToken)
            : null;
        foreach (var pair in pairs)
        {
            var (watcher, user) = (pair.Watcher.User, pair.User);
            if (watchable?.Contains((watcher, user)) == false
                || await visibility.AreApartAsync(watcher, user, cancellationToken))
                Hide(pair);
        }
    }

    private void Hide(PresencePair pair)
    {
        if (_watchers.Remove(pair))
            pair.Watcher.Send(FrameWriter.Presence(pair.User, Hidden));
    }

    private void Wake()
    {
        lock (_waking)
        {
            if (_work.CurrentCount == 0)
                _work.Release();
        }
    }
}
