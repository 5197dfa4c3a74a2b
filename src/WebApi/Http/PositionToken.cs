using System.Buffers.Binary;
using System.Buffers.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// A position of the log that clients carry from a command's answer to a later GET: opaque, with a checksum that
/// detects a value the server never gave. It is neither secret nor authenticated.
/// </summary>
public static class PositionToken
{
    /// <summary>The header of a command's answer.</summary>
    public const string AnswerHeader = "Chat-Position";

    /// <summary>The header of a GET.</summary>
    public const string RequestHeader = "Chat-Min-Position";

    private const int PositionSize = sizeof(ulong);
    private const int Size = PositionSize + sizeof(uint);

    public static string Format(LogPosition position)
    {
        Span<byte> bytes = stackalloc byte[Size];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, position.Value);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[PositionSize..], CheckOf(position.Value));
        return Base64Url.EncodeToString(bytes);
    }

    /// <returns>Null when the text is no token.</returns>
    public static LogPosition? Parse(string token)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (token.Length != Base64Url.GetEncodedLength(Size) || !Base64Url.IsValid(token)
            || !Base64Url.TryDecodeFromChars(token, bytes, out var written) || written != Size)
            return null;
        var value = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        var check = BinaryPrimitives.ReadUInt32BigEndian(bytes[PositionSize..]);
        return check == CheckOf(value) ? new LogPosition(value) : null;
    }

    /// <summary>Fibonacci hashing: the upper half after a multiplication that spreads every bit.</summary>
    private static uint CheckOf(ulong value) =>
        (uint)(((value ^ (value >> 32)) * 0x9E3779B97F4A7C15) >> 32) ^ 0x43484154;
}
