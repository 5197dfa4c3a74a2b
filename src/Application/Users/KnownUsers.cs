using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>Caches which users exist, so that messages to them need no query. Bounded: cleared when full.</summary>
public sealed class KnownUsers(IUsers users)
{
    private const int UsersMax = 100_000;

    /// <summary>The most concurrent queries.</summary>
    private const int AskedAtOnce = 16;

    private readonly ConcurrentDictionary<UserId, byte> _known = new();
    private long _forgotten;

    public async ValueTask<bool> ExistsAsync(UserId user, CancellationToken cancellationToken)
    {
        if (_known.ContainsKey(user))
            return true;
        var forgotten = Interlocked.Read(ref _forgotten);
        if (!await users.ExistsAsync(user, cancellationToken))
            return false;
        if (_known.Count >= UsersMax)
            _known.Clear();
        _known.TryAdd(user, 0);
        if (Interlocked.Read(ref _forgotten) != forgotten)
            _known.TryRemove(user, out _); // A result read while any user was erased may be outdated.
        return true;
    }

    /// <exception cref="RefusedException">One of the users does not exist.</exception>
    public async Task RequireAsync(IReadOnlyList<UserId> all, CancellationToken cancellationToken)
    {
        foreach (var group in all.Chunk(AskedAtOnce))
        {
            var found = await Task.WhenAll(group.Select(user => ExistsAsync(user, cancellationToken).AsTask()));
            if (!Array.TrueForAll(found, exists => exists))
                throw new RefusedException(Refusal.UserUnknown);
        }
    }

    /// <summary>Drops a user who was erased, on any node.</summary>
    public void Forget(UserId user)
    {
        Interlocked.Increment(ref _forgotten);
        _known.TryRemove(user, out _);
    }

    /// <summary>Drops all users: notices of erasures may have been lost.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _forgotten);
        _known.Clear();
    }
}
