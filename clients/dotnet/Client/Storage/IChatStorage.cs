namespace ChatCqrs.Client;

/// <summary>
/// Where a client keeps what must outlive it: tokens, the outbox, the last seq of each conversation. Texts by key; a
/// key has the letters a-z, digits, <c>-</c> and <c>/</c>, at most 100. Safe for concurrent calls, also of other
/// clients and processes.
/// </summary>
public interface IChatStorage
{
    /// <summary>The text of a key; null where there is none.</summary>
    ValueTask<string?> ReadAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sets the text of a key, or removes it for null: wholly or not at all. Once the call ends it survives the
    /// process, and with <paramref name="durable"/> the machine, as far as the store can promise that.
    /// </summary>
    ValueTask WriteAsync(
        string key, string? value, bool durable = true, CancellationToken cancellationToken = default);

    /// <summary>The keys that begin with a prefix, in ordinal order.</summary>
    ValueTask<IReadOnlyList<string>> KeysAsync(string prefix, CancellationToken cancellationToken = default);

    /// <summary>
    /// Waits until nobody else who uses this store holds the lock of this name, and holds it until disposed or until
    /// the process ends.
    /// </summary>
    ValueTask<IDisposable> LockAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>The lock, or null where somebody else holds it now.</summary>
    ValueTask<IDisposable?> TryLockAsync(string name, CancellationToken cancellationToken = default);
}
