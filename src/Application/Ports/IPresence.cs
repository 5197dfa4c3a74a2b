using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Who has a socket on any node, and when those who have none were last seen to have one. True only for the moment: it is never in the log, and what a node that
/// died has said of its users ends by itself.
/// </summary>
public interface IPresence
{
    /// <summary>
    /// A user may have come or gone, here or on another node: ask <see cref="OfAsync"/>. Raised from any thread; handlers are quick and do not throw. A hint: what is
    /// missed is found by asking from time to time.
    /// </summary>
    event Action<UserId> Changed;

    /// <summary>
    /// The user's first socket on this node was opened, or the last one closed: see <see cref="INodeBusReceiver.HasSocket"/>. Never blocks and never throws.
    /// </summary>
    void Report(UserId user);

    /// <summary>Where users are now.</summary>
    /// <returns>All of them.</returns>
    /// <exception cref="StoreUnavailableException">It cannot be told what other nodes know.</exception>
    Task<IReadOnlyDictionary<UserId, PresenceState>> OfAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}

/// <param name="LastSeen">When the last socket was closed; null while online, and where it is not known.</param>
public sealed record PresenceState(bool Online, DateTimeOffset? LastSeen)
{
    /// <summary>How long what is known of somebody who has gone is kept.</summary>
    public static readonly TimeSpan SeenKept = TimeSpan.FromDays(30);
}
