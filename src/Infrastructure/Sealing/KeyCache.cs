using ChatCqrs.Application;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>Identifies a derived key by its secrets: the bucket's, the owner's and the conversation's.</summary>
internal readonly record struct KeyId(string? Bucket, UserId Owner, ConversationId? Conversation)
{
    public List<string> SecretNames()
    {
        var names = new List<string>(capacity: 3);
        if (Bucket is not null)
            names.Add(SecretName.OfBucket(Bucket));
        names.Add(SecretName.Of(Owner));
        if (Conversation is { } conversation)
            names.Add(SecretName.Of(conversation));
        return names;
    }
}

/// <summary>Caches derived keys, bounded in time and number.</summary>
/// <remarks>An evicted key may still be in use, so the garbage collector finalises its cipher.</remarks>
internal sealed class KeyCache : IDisposable
{
    private const int KeysMax = 16_384;

    private readonly RecentlyUsed<KeyId, Entry> _keys = new(KeysMax);
    private readonly TimeSpan _lifetime;
    private readonly TimeProvider _clock;
    private readonly ITimer _sweep;
    private long _generation;

    public KeyCache(TimeSpan lifetime, TimeProvider clock)
    {
        _lifetime = lifetime;
        _clock = clock;
        _sweep = clock.CreateTimer(_ => Sweep(), null, lifetime, lifetime);
    }

    public int Count => _keys.Count;

    public DerivedKey? Find(KeyId id) => _keys.TryGet(id, out var found) && !IsOver(found) ? found.Key : null;

    /// <summary>
    /// Counts calls of Forget. A key derived while it rises may come from a shredded secret.
    /// </summary>
    public long Generation => Interlocked.Read(ref _generation);

    /// <param name="generation">
    /// <see cref="Generation"/> before the secrets were read; the cache keeps the key only if it is unchanged.
    /// </param>
    public DerivedKey Add(KeyId id, DerivedKey key, long generation)
    {
        _keys.Set(id, new Entry(key, _clock.GetTimestamp()));
        if (Generation != generation)
            _keys.Remove(id); // Checked after Set: a later Forget finds the key, an earlier one has raised Generation.
        return key;
    }

    /// <summary>Forgets the keys derived from a secret.</summary>
    public void Forget(string secret) => Forget(id => id.SecretNames().Contains(secret));

    public void ForgetAll() => Forget(_ => true);

    public void Forget(Func<KeyId, bool> which)
    {
        Interlocked.Increment(ref _generation);
        foreach (var (id, _) in _keys.Entries)
        {
            if (which(id))
                _keys.Remove(id);
        }
    }

    public void Dispose() => _sweep.Dispose();

    /// <summary>Removes expired keys that nobody asks for again.</summary>
    private void Sweep()
    {
        foreach (var (id, entry) in _keys.Entries)
        {
            if (IsOver(entry))
                _keys.Remove(id);
        }
    }

    private bool IsOver(Entry entry) => _clock.GetElapsedTime(entry.Since) >= _lifetime;

    private sealed record Entry(DerivedKey Key, long Since);
}
