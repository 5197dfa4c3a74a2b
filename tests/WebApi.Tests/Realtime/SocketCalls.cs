using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using ChatCqrs.Testing;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>Frames of a socket, one at a time.</summary>
internal static class SocketCalls
{
    /// <summary>Waits for the next frame with an <c>op</c>, and passes over others.</summary>
    public static async Task<JsonElement> ReceiveAsync(this ClientWebSocket socket, string op)
    {
        while (true)
        {
            if (await socket.ReceiveFrameAsync() is not { } frame)
                throw new InvalidOperationException($"Closed with {socket.CloseStatus} before {op}.");
            if (frame.GetProperty("op").GetString() == op)
                return frame;
        }
    }

    /// <summary>Waits until the server closes the socket.</summary>
    /// <returns>The close code.</returns>
    public static async Task<int> ReceiveCloseAsync(this ClientWebSocket socket)
    {
        while (await socket.ReceiveFrameAsync() is not null)
        {
        }

        return (int)socket.CloseStatus!;
    }

    public static Task SendTextAsync(this ClientWebSocket socket, string frame) => socket.SendAsync(
        Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text, endOfMessage: true, Eventually.Cancelled());

    /// <returns>Null for a close frame.</returns>
    private static async Task<JsonElement?> ReceiveFrameAsync(this ClientWebSocket socket)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            if (part.MessageType == WebSocketMessageType.Close)
                return null;
            bytes.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
                return JsonSerializer.Deserialize<JsonElement>(bytes.ToArray());
        }
    }
}
