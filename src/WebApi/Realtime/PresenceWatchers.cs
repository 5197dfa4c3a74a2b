using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>A socket that watches a user's presence.</summary>
internal readonly record struct PresencePair(Connection Watcher, UserId User);

/// <summary>
/// The sockets of this node that watch presence, the state last shown of each watched user, and the users to look up
/// next. Thread-safe.
/// </summary>
internal sealed class PresenceWatchers
{
    /// <summary>The most users that one socket watches.</summary>
    public const int UsersMax = 500;

    /// <summary>The most pairs of a socket and a user on a node.</summary>
    private const int PairsMax = 1_000_000;

    /// <summary>Marks a connection that has ended: it watches nobody any more.</summary>
    private static readonly HashSet<UserId> Ended = [];

    private readonly Lock _lock = new();
    private readonly Dictionary<UserId, Watched> _watched = [];

    /// <summary>Watched users who may have come or gone.</summary>
    private readonly HashSet<UserId> _changed = [];

    /// <summary>Pairs whose socket asked for the user's state and has not been sent it yet.</summary>
    private readonly HashSet<PresencePair> _asked = [];

    private int _pairs;

    public bool IsEmpty => Volatile.Read(ref _pairs) == 0;

    /// <summary>Lets a socket watch further users; with an empty collection it watches nobody any more.</summary>
    /// <returns>False beyond <see cref="UsersMax"/> or the bound of the node: nothing has changed then.</returns>
    public bool Add(Connection connection, IReadOnlyCollection<UserId> users)
    {
        lock (_lock)
        {
            if (ReferenceEquals(connection.Watching, Ended))
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

                _asked.Add(new PresencePair(connection, user));
            }
        }

        return true;
    }

    /// <summary>Forgets a closed socket. Later calls of <see cref="Add"/> have no effect.</summary>
    public void Remove(Connection connection)
    {
        lock (_lock)
            Clear(connection, Ended);
    }

    /// <summary>Ends one pair.</summary>
    /// <returns>False when the socket does not watch the user.</returns>
    public bool Remove(PresencePair pair)
    {
        lock (_lock)
        {
            if (pair.Watcher.Watching?.Remove(pair.User) != true)
                return false;
            Forget(pair);
            return true;
        }
    }

    /// <summary>Notes that a user may have come or gone.</summary>
    /// <returns>False when nobody watches the user, or the change is noted already.</returns>
    public bool NoteChange(UserId user)
    {
        lock (_lock)
            return _watched.ContainsKey(user) && _changed.Add(user);
    }

    /// <summary>Has the state of every watched user looked up again.</summary>
    public void NoteChangeOfAll()
    {
        lock (_lock)
            _changed.UnionWith(_watched.Keys);
    }

    /// <summary>Takes the users whose state is to be looked up next.</summary>
    /// <param name="max">The most users to take.</param>
    /// <param name="asked">The pairs of these users that are to be shown the state even if it has not changed.</param>
    /// <returns>False when there are none.</returns>
    public bool Take(int max, out UserId[] users, out HashSet<PresencePair> asked)
    {
        lock (_lock)
        {
            var taken = _changed.Concat(_asked.Select(pair => pair.User)).Distinct().Take(max).ToHashSet();
            users = [.. taken];
            asked = [.. _asked.Where(pair => taken.Contains(pair.User))];
            _changed.ExceptWith(taken);
            _asked.ExceptWith(asked);
        }

        return users.Length > 0;
    }

    /// <summary>Takes back the result of <see cref="Take"/>, as far as it is still watched.</summary>
    public void PutBack(UserId[] users, HashSet<PresencePair> asked)
    {
        lock (_lock)
        {
            _changed.UnionWith(users.Where(_watched.ContainsKey));
            _asked.UnionWith(asked.Where(pair => pair.Watcher.Watching?.Contains(pair.User) == true));
        }
    }

    /// <summary>The sockets to send a state: all watchers after a change, otherwise those that asked for it.</summary>
    public List<Connection> RecipientsOf(UserId user, PresenceState state, HashSet<PresencePair> asked)
    {
        lock (_lock)
        {
            if (!_watched.TryGetValue(user, out var watched))
                return [];
            var hasChanged = watched.Shown != state;
            watched.Shown = state;
            var recipients = watched.Watchers
                .Where(watcher => hasChanged || asked.Contains(new PresencePair(watcher, user)));
            return [.. recipients];
        }
    }

    /// <summary>A copy of all pairs.</summary>
    public List<PresencePair> Pairs()
    {
        lock (_lock)
        {
            var pairs = _watched.SelectMany(
                watched => watched.Value.Watchers.Select(watcher => new PresencePair(watcher, watched.Key)));
            return [.. pairs];
        }
    }

    /// <summary>The pairs in which one of these users watches or is watched.</summary>
    /// <param name="socketsOf">A user's sockets on this node.</param>
    public HashSet<PresencePair> PairsOf(
        IReadOnlyCollection<UserId> users, Func<UserId, IReadOnlyCollection<Connection>> socketsOf)
    {
        lock (_lock)
        {
            var pairs = new HashSet<PresencePair>();
            foreach (var user in users)
            {
                if (_watched.TryGetValue(user, out var watched))
                    pairs.UnionWith(watched.Watchers.Select(watcher => new PresencePair(watcher, user)));
                foreach (var watcher in socketsOf(user))
                    pairs.UnionWith((watcher.Watching ?? []).Select(other => new PresencePair(watcher, other)));
            }

            return pairs;
        }
    }

    private void Clear(Connection connection, HashSet<UserId>? next)
    {
        foreach (var user in connection.Watching ?? [])
            Forget(new PresencePair(connection, user));
        connection.Watching = next;
    }

    private void Forget(PresencePair pair)
    {
        _pairs--;
        _asked.Remove(pair);
        if (!_watched.TryGetValue(pair.User, out var watched)
            || !watched.Watchers.Remove(pair.Watcher) || watched.Watchers.Count > 0)
            return;
        _watched.Remove(pair.User);
        _changed.Remove(pair.User);
    }

    private sealed class Watched
    {
        public HashSet<Connection> Watchers { get; } = [];

        /// <summary>The state that all watchers were shown last; null for none yet.</summary>
        public PresenceState? Shown { get; set; }
    }
}
