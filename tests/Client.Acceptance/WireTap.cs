using System.Collections.Concurrent;
using System.Text.Json;

namespace ChatCqrs.Client.Acceptance;

/// <summary>A store in memory that remembers every id under which a message was ever put into the outbox.</summary>
public sealed class WireTap : IChatStorage
{
    private readonly MemoryStorage _inner = new();
    private readonly ConcurrentDictionary<Guid, string> _ids = new();

    public IEnumerable<Guid> Ids() => _ids.Keys;

    public ValueTask<string?> ReadAsync(string key, CancellationToken cancellationToken = default) =>
        _inner.ReadAsync(key, cancellationToken);

    public ValueTask WriteAsync(
        string key, string? value, bool durable = true, CancellationToken cancellationToken = default)
    {
        if (value is not null && key.StartsWith("outbox/", StringComparison.Ordinal))
        {
            using var stored = JsonDocument.Parse(value);
            _ids[stored.RootElement.GetProperty("frame").GetProperty("message_id").GetGuid()] = key;
        }

        return _inner.WriteAsync(key, value, durable, cancellationToken);
    }

    public ValueTask<IReadOnlyList<string>> KeysAsync(string prefix, CancellationToken cancellationToken = default) =>
        _inner.KeysAsync(prefix, cancellationToken);

    public ValueTask<IDisposable> LockAsync(string name, CancellationToken cancellationToken = default) =>
        _inner.LockAsync(name, cancellationToken);

    public ValueTask<IDisposable?> TryLockAsync(string name, CancellationToken cancellationToken = default) =>
        _inner.TryLockAsync(name, cancellationToken);
}
