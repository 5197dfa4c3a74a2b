using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>The users last seen to exist, so that a message to one of them asks nobody. Bounded: when full it starts again.</summary>
public sealed class KnownUsers(IUsers users)
{
    private const int UsersMax = 100_000;

    /// <summary>How many are asked for at once.</summary>
    private const int AskedAtOnce = 16;

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

    /// <exception cref="RefusedException">One of them does not exist.</exception>
    public async Task RequireAsync(IReadOnlyList<UserId> all, CancellationToken cancellationToken)
    {
        foreach (var group in all.Chunk(AskedAtOnce))
        {
            var found = await Task.WhenAll(group.Select(user => ExistsAsync(user, cancellationToken).AsTask()));
            if (!Array.TrueForAll(found, exists => exists))
                throw new RefusedException(Refusal.UserUnknown);
        }
    }

    public void Forget(UserId user) => _known.TryRemove(user, out _);
}
