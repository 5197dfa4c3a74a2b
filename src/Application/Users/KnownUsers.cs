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
            _known.TryRemove(user, out _); // What was read while somebody was erased may be just that user's past.
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

    /// <summary>A user was erased, here or elsewhere.</summary>
    public void Forget(UserId user)
    {
        Interlocked.Increment(ref _forgotten);
        _known.TryRemove(user, out _);
    }

    /// <summary>It may have been missed that users were erased.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _forgotten);
        _known.Clear();
    }
}
