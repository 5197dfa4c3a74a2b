using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ChatCqrs.Bench.Load;

/// <summary>
/// Fresh version-7 UUIDs (RFC 9562, section 5.7) whose random part holds the message's number, so that an answer is
/// matched with its message without a dictionary.
/// </summary>
internal static class MessageIds
{
    private static readonly ushort Run = BinaryPrimitives.ReadUInt16LittleEndian(RandomNumberGenerator.GetBytes(2));

    public static Guid Of(int pair, int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() << 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], (ushort)(0x7000 | (pair & 0xfff)));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[8..], (ushort)(0x8000 | (pair >> 12 & 0x3fff)));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[10..], Run);
        BinaryPrimitives.WriteInt32BigEndian(bytes[12..], number);
        return new Guid(bytes, bigEndian: true);
    }

    public static int NumberOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadInt32BigEndian(bytes[12..]);
    }
}
