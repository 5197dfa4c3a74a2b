using System.Collections.Immutable;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Caches users' block lists, because every direct message and every addition to a group reads them. Changes on this
/// node apply at once, changes on another node when its notice arrives (<see cref="Forget"/>). Bounded: least recently
/// used lists are dropped.
/// </summary>
/// <param name="read">Reads a user's blocks from the log; empty for users without an account.</param>
public sealed class BlockLists(Func<UserId, CancellationToken, Task<ImmutableHashSet<UserId>>> read)
{
    private const int ListsMax = 50_000;

    /// <summary>The most lists of <see cref="WhoHasBlockedAsync"/> that are read at once.</summary>
    private const int ReadAtOnce = 16;

    private readonly RecentlyUsed<UserId, List> _lists = new(ListsMax);
    private long _changes;
    private long _epoch;

    /// <summary>Whether a user has blocked another. Answered from memory where possible.</summary>
    /// <exception cref="Ports.StoreUnavailableException">
    /// Memory does not know and the store cannot be reached.
    /// </exception>
    public ValueTask<bool> HasBlockedAsync(UserId user, UserId other, CancellationToken cancellationToken) =>
        _lists.TryGet(user, out var list) && IsCurrent(list)
            ? ValueTask.FromResult(list.Blocked.Contains(other))
            : ReadAsync(user, other, cancellationToken);

    /// <summary>Whether either of two users has blocked the other.</summary>
    /// <inheritdoc cref="HasBlockedAsync" path="/exception"/>
    public async ValueTask<bool> AreApartAsync(UserId one, UserId other, CancellationToken cancellationToken) =>
        await HasBlockedAsync(one, other, cancellationToken) || await HasBlockedAsync(other, one, cancellationToken);

    /// <summary>Those of many users who have blocked another.</summary>
    /// <inheritdoc cref="HasBlockedAsync" path="/exception"/>
    public async Task<IReadOnlySet<UserId>> WhoHasBlockedAsync(
        IReadOnlyCollection<UserId> users, UserId other, CancellationToken cancellationToken)
    {
        var blockers = new HashSet<UserId>();
        foreach (var some in users.Chunk(ReadAtOnce))
        {
            var have = await Task.WhenAll(
                some.Select(user => HasBlockedAsync(user, other, cancellationToken).AsTask()));
            blockers.UnionWith(some.Where((_, n) => have[n]));
        }

        return blockers;
    }

    /// <summary>Drops a user's list: it changed, on any node.</summary>
    public void Forget(UserId user)
    {
        Interlocked.Increment(ref _changes);
        if (_lists.TryGet(user, out var list))
            list.IsStale = true; // Marked, not removed: a concurrent reader that already holds it sees the mark.
    }

    /// <summary>Drops all lists: notices of other nodes may have been lost.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _changes);
        Interlocked.Increment(ref _epoch);
    }

    private bool IsCurrent(List list) => !list.IsStale && list.Epoch == Interlocked.Read(ref _epoch);

    private async ValueTask<bool> ReadAsync(UserId user, UserId other, CancellationToken cancellationToken)
    {
        var changes = Interlocked.Read(ref _changes);
        var epoch = Interlocked.Read(ref _epoch);
        var blocked = await read(user, cancellationToken);

        var list = new List(blocked, epoch);
        _lists.Set(user, list);

        // A list read while any user's blocks changed may be outdated. Checked after it was stored: a later change
        // finds it, an earlier one was counted.
        if (Interlocked.Read(ref _changes) != changes)
            list.IsStale = true;
        return blocked.Contains(other);
    }

    private sealed class List(ImmutableHashSet<UserId> blocked, long epoch)
    {
        public volatile bool IsStale;

        public ImmutableHashSet<UserId> Blocked { get; } = blocked;
        public long Epoch { get; } = epoch;
    }
}
