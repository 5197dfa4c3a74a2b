using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Presence;

/// <summary>Presence on a single node, with the times when users were last seen.</summary>
/// <param name="sockets">The open sockets of this node.</param>
public sealed class LocalPresence(Func<INodeBusReceiver> sockets, TimeProvider clock) : IPresence
{
    private const int SeenMax = 100_000;

    private readonly RecentlyUsed<UserId, DateTimeOffset> _seen = new(SeenMax);

    public event Action<UserId>? Changed;

    public void Report(UserId user)
    {
        if (!sockets().HasSocket(user))
            _seen.Set(user, Milliseconds(clock.GetUtcNow()));
        Changed?.Invoke(user);
    }

    public Task<IReadOnlyDictionary<UserId, PresenceState>> OfAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var here = sockets();
        return Task.FromResult<IReadOnlyDictionary<UserId, PresenceState>>(users.Distinct().ToDictionary(
            user => user,
            user => here.HasSocket(user) ? new PresenceState(true, null)
                : new PresenceState(false, _seen.TryGet(user, out var seen) ? seen : null)));
    }

    internal static DateTimeOffset Milliseconds(DateTimeOffset time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());
}
