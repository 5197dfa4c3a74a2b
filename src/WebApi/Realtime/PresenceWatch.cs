using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Who on this node watches whose presence, and what they were last shown. One loop looks where the watched are, whenever it hears that somebody came or went and
/// every few seconds anyway: so nothing stays wrong that was lost on the way, and a node that died takes its users along. Costs nothing for sockets that watch
/// nobody.
/// </summary>
internal sealed class PresenceWatch(
    IPresence presence, Watching watching, IInbox inbox, IOptions<PresenceOptions> options, TimeProvider clock, ILogger<PresenceWatch> logger)
    : BackgroundService
{
    /// <summary>How many users one socket may watch.</summary>
    public const int UsersMax = 500;

    /// <summary>How many pairs of a socket and a user are watched on a node.</summary>
    private const int PairsMax = 1_000_000;

    /// <summary>How many users are asked for at once.</summary>
    private const int BatchMax = 1_000;

    /// <summary>After so many beats it is looked whether watchers and watched still have a conversation in common.</summary>
    private const int SharingEvery = 12;

    /// <summary>What is shown of somebody who may not be watched any more.</summary>
    private static readonly PresenceState Hidden = new(false, null);

    private static readonly HashSet<UserId> Gone = [];

    private readonly Lock _lock = new();
    private readonly Dictionary<UserId, Watched> _watched = [];
    private readonly HashSet<UserId> _changed = [];
    private readonly HashSet<(Connection Watcher, UserId User)> _fresh = [];
    private readonly SemaphoreSlim _work = new(0, 1);
    private int _pairs;

    /// <summary>Lets a socket watch further users, and shows it where they are now; with none, it watches nobody any more.</summary>
    /// <returns>False when they are more than a socket may watch, or than a node can.</returns>
    public bool Add(Connection connection, IReadOnlyCollection<UserId> users)
    {
        lock (_lock)
        {
            if (ReferenceEquals(connection.Watching, Gone))
                return true;
            if (users.Count == 0)
                Clear(connection, null);
            if ((connection.Watching?.Count ?? 0) + users.Count > UsersMax || _pairs + users.Count > PairsMax)
                return false;
            foreach (var user in users)
            {
                if ((connection.Watching ??= []).Add(user))
                {
                    _pairs++;
                    if (!_watched.TryGetValue(user, out var watched))
                        _watched.Add(user, watched = new Watched());
                    watched.Watchers.Add(connection);
                }

                _fresh.Add((connection, user));
            }
        }

        Wake();
        return true;
    }

    /// <summary>The socket is closed.</summary>
    public void Remove(Connection connection)
    {
        lock (_lock)
            Clear(connection, Gone);
    }

    public override void Dispose()
    {
        presence.Changed -= Note;
        _work.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        presence.Changed += Note;
        var beats = 0;
        for (var beatAt = clock.GetTimestamp(); ;)
        {
            var rest = options.Value.BeatEvery - clock.GetElapsedTime(beatAt);
            if (rest > TimeSpan.Zero)
                await _work.WaitAsync(rest, stoppingToken);
            try
            {
                if (clock.GetElapsedTime(beatAt) >= options.Value.BeatEvery)
                {
                    beatAt = clock.GetTimestamp();
                    await PruneAsync(alsoStrangers: ++beats % SharingEvery == 0, stoppingToken);
                    lock (_lock)
                        _changed.UnionWith(_watched.Keys);
                }

                while (Take(out var users, out var fresh))
                    await ShowAsync(users, fresh, stoppingToken);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogDebug("Where the watched are is not known for the moment: {Reason}", exception.Message);
                await Task.Delay(options.Value.BeatEvery, clock, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                logger.LogError(exception, "Presence could not be shown."); // A mistake of ours, for which no message shall wait: the node goes on.
                await Task.Delay(options.Value.BeatEvery, clock, stoppingToken);
            }
        }
    }

    private void Note(UserId user)
    {
        lock (_lock)
        {
            if (!_watched.ContainsKey(user) || !_changed.Add(user))
                return;
        }

        Wake();
    }

    private bool Take(out UserId[] users, out HashSet<(Connection Watcher, UserId User)> fresh)
    {
        lock (_lock)
        {
            var taken = _changed.Concat(_fresh.Select(pair => pair.User)).Distinct().Take(BatchMax).ToHashSet();
            users = [.. taken];
            fresh = [.. _fresh.Where(pair => taken.Contains(pair.User))];
            _changed.ExceptWith(taken);
            _fresh.ExceptWith(fresh);
        }

        return users.Length > 0;
    }

    private async Task ShowAsync(UserId[] users, HashSet<(Connection Watcher, UserId User)> fresh, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var (user, state) in await watching.StatesAsync(users, cancellationToken))
            {
                var frame = FrameWriter.Presence(user, state);
                foreach (var watcher in WhoIsToSee(user, state, fresh))
                {
                    if (!await watching.AreApartAsync(watcher.User, user, cancellationToken))
                        watcher.Send(frame);
                }
            }
        }
        catch (StoreUnavailableException)
        {
            lock (_lock)
            {
                _changed.UnionWith(users.Where(_watched.ContainsKey));
                _fresh.UnionWith(fresh.Where(pair => pair.Watcher.Watching?.Contains(pair.User) == true));
            }

            throw;
        }
    }

    /// <summary>All watchers of a change; else only those who have not been shown anything yet.</summary>
    private List<Connection> WhoIsToSee(UserId user, PresenceState state, HashSet<(Connection Watcher, UserId User)> fresh)
    {
        lock (_lock)
        {
            if (!_watched.TryGetValue(user, out var watched))
                return [];
            var news = watched.Shown != state;
            watched.Shown = state;
            return [.. watched.Watchers.Where(watcher => news || fresh.Contains((watcher, user)))];
        }
    }

    /// <summary>Ends the watching of those who have come apart: by a block, or because they have no conversation in common any more.</summary>
    private async Task PruneAsync(bool alsoStrangers, CancellationToken cancellationToken)
    {
        List<(Connection Watcher, UserId User)> pairs;
        lock (_lock)
            pairs = [.. _watched.SelectMany(watched => watched.Value.Watchers.Select(watcher => (watcher, watched.Key)))];
        foreach (var batch in pairs.Chunk(BatchMax))
        {
            var sharing = alsoStrangers
                ? await inbox.SharingAsync([.. batch.Select(pair => (pair.Watcher.User, pair.User)).Distinct()], cancellationToken)
                : null;
            foreach (var (watcher, user) in batch)
            {
                if (sharing?.Contains((watcher.User, user)) == false || await watching.AreApartAsync(watcher.User, user, cancellationToken))
                    Hide(watcher, user);
            }
        }
    }

    private void Hide(Connection watcher, UserId user)
    {
        lock (_lock)
        {
            if (watcher.Watching?.Remove(user) != true)
                return;
            Forget(watcher, user);
        }

        watcher.Send(FrameWriter.Presence(user, Hidden));
    }

    private void Clear(Connection connection, HashSet<UserId>? next)
    {
        foreach (var user in connection.Watching ?? [])
            Forget(connection, user);
        connection.Watching = next;
    }

    private void Forget(Connection watcher, UserId user)
    {
        _pairs--;
        _fresh.Remove((watcher, user));
        if (!_watched.TryGetValue(user, out var watched) || !watched.Watchers.Remove(watcher) || watched.Watchers.Count > 0)
            return;
        _watched.Remove(user);
        _changed.Remove(user);
    }

    private void Wake()
    {
        lock (_lock)
        {
            if (_work.CurrentCount == 0)
                _work.Release();
        }
    }

    private sealed class Watched
    {
        public HashSet<Connection> Watchers { get; } = [];

        /// <summary>What all watchers were shown last; null for nothing yet.</summary>
        public PresenceState? Shown { get; set; }
    }
}
