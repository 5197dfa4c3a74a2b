namespace ChatCqrs.Client;

/// <summary>Keeps everything in memory. Clients of one process may share it.</summary>
public sealed class MemoryStorage : IChatStorage
{
    private readonly object _gate = new();
    private readonly SortedDictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SemaphoreSlim> _locks = [];

    /// <inheritdoc/>
    public ValueTask<string?> ReadAsync(string key, CancellationToken cancellationToken = default)
    {
        lock (_gate)
            return new(_values.GetValueOrDefault(key));
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(
        string key, string? value, bool durable = true, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (value is null)
                _values.Remove(key);
            else
                _values[key] = value;
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> KeysAsync(string prefix, CancellationToken cancellationToken = default)
    {
        lock (_gate)
            return new([.. _values.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))]);
    }

    /// <inheritdoc/>
    public async ValueTask<IDisposable> LockAsync(string name, CancellationToken cancellationToken = default)
    {
        var turn = TurnOf(name);
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Held(turn);
    }

    /// <inheritdoc/>
    public async ValueTask<IDisposable?> TryLockAsync(string name, CancellationToken cancellationToken = default)
    {
        var turn = TurnOf(name);
        return await turn.WaitAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false) ? new Held(turn) : null;
    }

    private SemaphoreSlim TurnOf(string name)
    {
        lock (_gate)
            return _locks.TryGetValue(name, out var turn) ? turn : _locks[name] = new SemaphoreSlim(1, 1);
    }

    private sealed class Held(SemaphoreSlim turn) : IDisposable
    {
        private SemaphoreSlim? _turn = turn;

        public void Dispose() => Interlocked.Exchange(ref _turn, null)?.Release();
    }
}
