using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>A derived key in use. One operation at a time: the cipher keeps state of its own.</summary>
internal sealed class DerivedKey(ReadOnlySpan<byte> contentKey, byte[] fingerprintKey)
{
    private readonly Lock _lock = new();
    private readonly AesGcm _cipher = Aead.Key(contentKey);

    public byte[] Seal(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> associated)
    {
        lock (_lock)
            return Aead.Seal(_cipher, plain, associated);
    }

    public byte[] Open(ReadOnlySpan<byte> sealedBytes, ReadOnlySpan<byte> associated)
    {
        lock (_lock)
            return Aead.Open(_cipher, sealedBytes, associated);
    }

    public UInt128 Fingerprint(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(fingerprintKey, content, hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}

/// <summary>Derived keys, for a limited time and in a limited number: the older half makes way.</summary>
/// <remarks>A key that makes way may be in use still, so ciphers are left to the garbage collector.</remarks>
internal sealed class KeyCache(TimeSpan lifetime, TimeProvider clock) : IDisposable
{
    private const int KeysMax = 20_000;

    private readonly ConcurrentDictionary<KeyId, (DerivedKey Key, long Until)> _keys = new();

    public DerivedKey? Find(KeyId id) =>
        _keys.TryGetValue(id, out var found) && found.Until > clock.GetTimestamp() ? found.Key : null;

    public DerivedKey Add(KeyId id, DerivedKey key)
    {
        if (_keys.Count >= KeysMax)
            MakeRoom();
        _keys[id] = (key, clock.GetTimestamp() + (long)(lifetime.TotalSeconds * clock.TimestampFrequency));
        return key;
    }

    public void Dispose() => _keys.Clear();

    private void MakeRoom()
    {
        var middle = _keys.Values.Select(value => value.Until).Order().ElementAt(KeysMax / 2);
        foreach (var (id, value) in _keys)
        {
            if (value.Until <= middle)
                _keys.TryRemove(id, out _);
        }
    }
}
