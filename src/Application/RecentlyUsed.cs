using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace ChatCqrs.Application;

/// <summary>
/// A bounded memory of what was used last. It has two generations: what is found in the old one moves to the young one, and when the young
/// one has had half of what may be kept, the old one is dropped and the young one takes its place.
/// </summary>
/// <param name="max">How many are kept at most; at least 2.</param>
public sealed class RecentlyUsed<TKey, TValue>(int max)
    where TKey : notnull
{
    private readonly Lock _turn = new();
    private volatile Generation _young = new();
    private volatile Generation _old = new();

    public int Count => _young.Values.Count + _old.Values.Count;

    /// <summary>What is kept now.</summary>
    public IEnumerable<KeyValuePair<TKey, TValue>> Entries => _young.Values.Concat(_old.Values);

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (_young.Values.TryGetValue(key, out value))
            return true;
        if (!_old.Values.TryGetValue(key, out value))
            return false;
        Set(key, value);
        return true;
    }

    public void Set(TKey key, TValue value)
    {
        var young = _young;
        young.Values[key] = value;
        if (Interlocked.Increment(ref young.Writes) < max / 2)
            return;
        lock (_turn)
        {
            if (_young != young)
                return;
            _old = young;
            _young = new Generation();
        }
    }

    public void Remove(TKey key)
    {
        lock (_turn)
        {
            _young.Values.TryRemove(key, out _);
            _old.Values.TryRemove(key, out _);
        }
    }

    private sealed class Generation
    {
        public int Writes;
        public ConcurrentDictionary<TKey, TValue> Values { get; } = [];
    }
}
