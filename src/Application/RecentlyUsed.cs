using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace ChatCqrs.Application;

/// <summary>
/// A bounded, thread-safe cache of recently used entries. It has two generations: a hit in the old one moves to the
/// young one. After <paramref name="max"/> / 2 writes the young generation replaces the old one.
/// </summary>
/// <param name="max">The most entries kept; at least 2.</param>
public sealed class RecentlyUsed<TKey, TValue>(int max)
    where TKey : notnull
{
    private readonly Lock _turn = new();
    private volatile Generation _young = new();
    private volatile Generation _old = new();

    public int Count => _young.Values.Count + _old.Values.Count;

    /// <summary>A snapshot of the entries.</summary>
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

    public void Clear()
    {
        lock (_turn)
        {
            _old = new Generation();
            _young = new Generation();
        }
    }

    private sealed class Generation
    {
        public int Writes;
        public ConcurrentDictionary<TKey, TValue> Values { get; } = [];
    }
}
