using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ChatCqrs.Client.Sending;

/// <summary>
/// UUIDs of version 7 (RFC 9562, section 5.7): the server proves by their time that they are new. Of one process they
/// grow, also within a millisecond and when the clock is set back.
/// </summary>
internal sealed class MessageIds(TimeProvider time)
{
    private const int CounterBits = 12;

    private readonly object _gate = new();
    private long _last;

    public Guid Next()
    {
        long place;
        lock (_gate)
            place = _last = Math.Max(_last + 1, time.GetUtcNow().ToUnixTimeMilliseconds() << CounterBits);
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes[8..]);
        BinaryPrimitives.WriteInt64BigEndian(bytes, (place >> CounterBits) << 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], (ushort)(0x7000 | (place & 0xFFF)));
        bytes[8] = (byte)(0x80 | (bytes[8] & 0x3F));
        return new Guid(bytes, bigEndian: true);
    }
}
