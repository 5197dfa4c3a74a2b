using System.Collections.Immutable;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Whom users have blocked, remembered for everything that asks often: every direct message does. A change here counts at once; one of another node counts when
/// this one hears of it (<see cref="Forget"/>). Bounded: what was not used for the longest is read again.
/// </summary>
/// <param name="read">Reads a user's blocks as the log holds them now; nobody's for who has no account.</param>
public sealed class BlockLists(Func<UserId, CancellationToken, Task<ImmutableHashSet<UserId>>> read)
{
    private const int ListsMax = 50_000;

    private readonly RecentlyUsed<UserId, List> _lists = new(ListsMax);
    private long _changes;
    private long _epoch;

    /// <summary>Whether a user has blocked another. From memory where possible.</summary>
    /// <exception cref="Ports.StoreUnavailableException">It is not known here and the store cannot be reached.</exception>
    public ValueTask<bool> HasBlockedAsync(UserId user, UserId other, CancellationToken cancellationToken) =>
        _lists.TryGet(user, out var list) && IsCurrent(list)
            ? ValueTask.FromResult(list.Blocked.Contains(other))
            : ReadAsync(user, other, cancellationToken);

    /// <summary>Whether either of two users has blocked the other.</summary>
    /// <inheritdoc cref="HasBlockedAsync" path="/exception"/>
    public async ValueTask<bool> AreApartAsync(UserId one, UserId other, CancellationToken cancellationToken) =>
        await HasBlockedAsync(one, other, cancellationToken) || await HasBlockedAsync(other, one, cancellationToken);

    /// <summary>A user's blocks have changed, here or elsewhere.</summary>
    public void Forget(UserId user)
    {
        Interlocked.Increment(ref _changes);
        if (_lists.TryGet(user, out var list))
            list.IsOld = true; // Marked, not removed, so that whoever has just found it sees the mark.
    }

    /// <summary>Changes of other nodes may have been missed.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _changes);
        Interlocked.Increment(ref _epoch);
    }

    private bool IsCurrent(List list) => !list.IsOld && list.Epoch == Interlocked.Read(ref _epoch);

    private async ValueTask<bool> ReadAsync(UserId user, UserId other, CancellationToken cancellationToken)
    {
        var changes = Interlocked.Read(ref _changes);
        var epoch = Interlocked.Read(ref _epoch);
        var blocked = await read(user, cancellationToken);

        var list = new List(blocked, epoch);
        _lists.Set(user, list);

        // What was read while somebody's blocks changed may be just that user's past. Looked at after it was set: who changes something next finds it, or has been
        // counted already.
        if (Interlocked.Read(ref _changes) != changes)
            list.IsOld = true;
        return blocked.Contains(other);
    }

    private sealed class List(ImmutableHashSet<UserId> blocked, long epoch)
    {
        public volatile bool IsOld;

        public ImmutableHashSet<UserId> Blocked { get; } = blocked;
        public long Epoch { get; } = epoch;
    }
}
