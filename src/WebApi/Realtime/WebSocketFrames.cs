using System.Buffers.Binary;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Encodes server-to-client WebSocket frames (RFC 6455, section 5.2): unmasked and unfragmented. The bytes are shared
/// by all recipients, which the framework's sockets cannot do.
/// </summary>
internal static class WebSocketFrames
{
    private const byte FinalText = 0x81;

    /// <summary>A ping without a payload.</summary>
    public static readonly ReadOnlyMemory<byte> Ping = new byte[] { 0x89, 0x00 };

    /// <summary>The largest frame header, in bytes.</summary>
    public const int HeaderMax = 10;

    public static byte[] Text(ReadOnlySpan<byte> payload)
    {
        Span<byte> header = stackalloc byte[HeaderMax];
        header[0] = FinalText;
        int length;
        if (payload.Length < 126)
        {
            header[1] = (byte)payload.Length;
            length = 2;
        }
        else if (payload.Length <= ushort.MaxValue)
        {
            header[1] = 126;
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)payload.Length);
            length = 4;
        }
        else
        {
            header[1] = 127;
            BinaryPrimitives.WriteUInt64BigEndian(header[2..], (ulong)payload.Length);
            length = 10;
        }

        var frame = new byte[length + payload.Length];
        header[..length].CopyTo(frame);
        payload.CopyTo(frame.AsSpan(length));
        return frame;
    }
}
