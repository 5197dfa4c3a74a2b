using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Presence;

/// <summary>What users may see of each other's presence, and what there is to see.</summary>
public sealed class PresenceVisibility(IPresence presence, IDeviceSessions sessions, IInbox inbox, BlockLists blocks)
{
    /// <summary>Where users are; for those of whom nothing better is known, when one of their devices was last here.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be told now.</exception>
    public async Task<IReadOnlyDictionary<UserId, PresenceState>> StatesAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var states = await presence.OfAsync(users, cancellationToken);
        var unknown = states.Where(state => state.Value is { Online: false, LastSeen: null }).Select(state => state.Key).ToArray();
        if (unknown.Length == 0)
            return states;
        var seen = await sessions.LastSeenAsync(unknown, cancellationToken);
        return states.ToDictionary(
            state => state.Key,
            state => state.Value is { Online: false, LastSeen: null } && seen.TryGetValue(state.Key, out var at) ? state.Value with { LastSeen = at } : state.Value);
    }

    /// <summary>Those pairs of which the first may see the second: they have a conversation in common, and neither has blocked the other.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be told now.</exception>
    public async Task<IReadOnlySet<(UserId Watcher, UserId Watched)>> AllowedAsync(
        IReadOnlyCollection<(UserId Watcher, UserId Watched)> pairs, CancellationToken cancellationToken)
    {
        var allowed = new HashSet<(UserId, UserId)>();
        foreach (var pair in await inbox.SharingAsync(pairs, cancellationToken))
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
