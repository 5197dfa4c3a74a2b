namespace ChatCqrs.Client.Specs.Fakes;

/// <summary>A store in memory that fails where the spec says so, and gives up when it is told to.</summary>
internal sealed class TroubledStorage : IChatStorage
{
    private readonly MemoryStorage _inner = new();

    /// <summary>Whether the writing of a value under a key fails; a null value removes the key.</summary>
    public Func<string, string?, bool> Fails { get; set; } = (_, _) => false;

    /// <summary>What a read waits for first.</summary>
    public Task Reading { get; set; } = Task.CompletedTask;

    public async ValueTask<string?> ReadAsync(string key, CancellationToken cancellationToken = default)
    {
        await Reading.WaitAsync(cancellationToken);
        return await _inner.ReadAsync(key, cancellationToken);
    }

    public ValueTask WriteAsync(
        string key, string? value, bool durable = true, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Fails(key, value)
            ? ValueTask.FromException(new IOException("The disk is full."))
            : _inner.WriteAsync(key, value, durable, cancellationToken);
    }

    public ValueTask<IReadOnlyList<string>> KeysAsync(string prefix, CancellationToken cancellationToken = default) =>
        _inner.KeysAsync(prefix, cancellationToken);

    public ValueTask<IDisposable> LockAsync(string name, CancellationToken cancellationToken = default) =>
        _inner.LockAsync(name, cancellationToken);

    public ValueTask<IDisposable?> TryLockAsync(string name, CancellationToken cancellationToken = default) =>
        _inner.TryLockAsync(name, cancellationToken);
}
