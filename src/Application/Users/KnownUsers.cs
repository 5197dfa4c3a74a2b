using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>The users last seen to exist, so that a message to one of them asks nobody. Bounded: when full it starts again.</summary>
public sealed class KnownUsers(IUsers users)
{
    private const int UsersMax = 100_000;

    private readonly ConcurrentDictionary<UserId, byte> _known = new();

    public async ValueTask<bool> ExistsAsync(UserId user, CancellationToken cancellationToken)
    {
        if (_known.ContainsKey(user))
            return true;
        if (!await users.ExistsAsync(user, cancellationToken))
            return false;
        if (_known.Count >= UsersMax)
            _known.Clear();
        _known.TryAdd(user, 0);
        return true;
    }

    public void Forget(UserId user) => _known.TryRemove(user, out _);
}
