using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>When users were erased. Asked only where something cannot be read any more; remembered, because it never changes. Bounded: when full it starts again.</summary>
public sealed class ErasedUsers(IDirectory directory)
{
    private const int UsersMax = 100_000;

    private readonly ConcurrentDictionary<UserId, DateTimeOffset> _erased = new();

    /// <returns>Null for who was not erased.</returns>
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
