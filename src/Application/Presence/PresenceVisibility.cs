using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Presence;

/// <summary>Users' presence, and which users may see it.</summary>
public sealed class PresenceVisibility(IPresence presence, IDeviceSessions sessions, IInbox inbox, BlockLists blocks)
{
    /// <summary>
    /// The users' presence. Where the last-seen time is unknown, the last use of one of their devices stands in.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The answer is not known and cannot be fetched now.</exception>
    public async Task<IReadOnlyDictionary<UserId, PresenceState>> StatesAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var states = await presence.OfAsync(users, cancellationToken);
        var unknown = states.Where(state => state.Value is { Online: false, LastSeen: null })
            .Select(state => state.Key).ToArray();
        if (unknown.Length == 0)
            return states;
        var seen = await sessions.LastSeenAsync(unknown, cancellationToken);
        return states.ToDictionary(
            state => state.Key,
            state => state.Value is { Online: false, LastSeen: null } && seen.TryGetValue(state.Key, out var at)
                ? state.Value with { LastSeen = at }
                : state.Value);
    }

    /// <summary>
    /// The pairs in which the first user may see the second: a common conversation allows it
    /// (<see cref="IInbox.WatchableAsync"/>), and neither has blocked the other.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The answer is not known and cannot be fetched now.</exception>
    public async Task<IReadOnlySet<(UserId Watcher, UserId Watched)>> AllowedAsync(
        IReadOnlyCollection<(UserId Watcher, UserId Watched)> pairs, CancellationToken cancellationToken)
    {
        var allowed = new HashSet<(UserId, UserId)>();
        foreach (var pair in await inbox.WatchableAsync(pairs, cancellationToken))
        {
            if (!await AreApartAsync(pair.Item1, pair.Item2, cancellationToken))
                allowed.Add(pair);
        }

        return allowed;
    }

    /// <inheritdoc cref="BlockLists.AreApartAsync"/>
    public ValueTask<bool> AreApartAsync(UserId watcher, UserId watched, CancellationToken cancellationToken) =>
        blocks.AreApartAsync(watcher, watched, cancellationToken);
}
