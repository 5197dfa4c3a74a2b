using System.Buffers.Binary;
using System.Buffers.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// A position of the log as clients carry it from a command's answer (<c>Chat-Position</c>) to a later GET (<c>Chat-Min-Position</c>): opaque, with
/// a check that tells a token of ours from rubbish. It is no secret and no proof.
/// </summary>
public static class PositionToken
{
    public const string AnswerHeader = "Chat-Position";
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

    /// <returns>Null when it is no token.</returns>
    public static LogPosition? Parse(string token)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (token.Length != Base64Url.GetEncodedLength(Size) || !Base64Url.IsValid(token)
            || !Base64Url.TryDecodeFromChars(token, bytes, out var written) || written != Size)
            return null;
        var value = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes[PositionSize..]) == CheckOf(value) ? new LogPosition(value) : null;
    }

    /// <summary>The upper half of the number after a multiplication that spreads every bit (Fibonacci hashing).</summary>
    private static uint CheckOf(ulong value) => (uint)(((value ^ (value >> 32)) * 0x9E3779B97F4A7C15) >> 32) ^ 0x43484154;
}
