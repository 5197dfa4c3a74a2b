using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Which users have a socket on any node, and when the others last had one. Ephemeral: never in the log. The statements
/// of a dead node expire on their own.
/// </summary>
public interface IPresence
{
    /// <summary>
    /// Raised when a user may have come online or gone offline, on any node: call <see cref="OfAsync"/>. Raised on any
    /// thread; handlers must be quick and must not throw. Best effort: poll to find missed changes.
    /// </summary>
    event Action<UserId> Changed;

    /// <summary>
    /// Reports that a user's first socket on this node was opened or the last one closed; see
    /// <see cref="INodeBusReceiver.HasSocket"/>. Never blocks, never throws.
    /// </summary>
    void Report(UserId user);

    /// <summary>The users' current presence.</summary>
    /// <returns>One state per user.</returns>
    /// <exception cref="StoreUnavailableException">The other nodes' statements cannot be read.</exception>
    Task<IReadOnlyDictionary<UserId, PresenceState>> OfAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}

/// <param name="LastSeen">When the last socket was closed, UTC; null while online, or if unknown.</param>
/// <summary>Whether a user is online, and since when not.</summary>
public sealed record PresenceState(bool Online, DateTimeOffset? LastSeen)
{
    /// <summary>How long the last-seen time of an offline user is kept.</summary>
    public static readonly TimeSpan SeenKept = TimeSpan.FromDays(30);
}
