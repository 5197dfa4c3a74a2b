using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Caches when users were erased, which never changes. Used only for content that is unreadable. Bounded: cleared when
/// full.
/// </summary>
public sealed class ErasedUsers(IDirectory directory)
{
    private const int UsersMax = 100_000;

    private readonly ConcurrentDictionary<UserId, DateTimeOffset> _erased = new();

    /// <returns>Time of erasure, UTC; null if the user was not erased.</returns>
    public async ValueTask<DateTimeOffset?> AtAsync(UserId user, CancellationToken cancellationToken)
    {
        if (_erased.TryGetValue(user, out var known))
            return known;
        if (!(await directory.ErasedAsync([user], cancellationToken)).TryGetValue(user, out var at))
            return null;
        if (_erased.Count >= UsersMax)
            _erased.Clear();
        return _erased[user] = at;
    }
}
