using System.Net.Sockets;
using System.Text;
using ChatCqrs.Testing;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>A WebSocket without a client behind it: it sends any bytes, and reads only when told to.</summary>
internal sealed class RawSocket : IDisposable
{
    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;

    private RawSocket(TcpClient tcp)
    {
        _tcp = tcp;
        _stream = tcp.GetStream();
    }

    /// <param name="token">In the header; null for a handshake without one.</param>
    /// <param name="receiveBuffer">The bytes that the kernel takes in before anybody reads; null for its own.</param>
    public static async Task<RawSocket> OpenAsync(ChatServer server, string? token, int? receiveBuffer = null)
    {
        var tcp = new TcpClient();
        if (receiveBuffer is { } size)
            tcp.ReceiveBufferSize = size;
        var address = server.Http.BaseAddress!;
        await tcp.ConnectAsync(address.Host, address.Port, Eventually.Cancelled());
        var socket = new RawSocket(tcp);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /v1/ws HTTP/1.1\r\nHost: {address.Authority}\r\n"
            + (token is null ? "" : $"Authorization: Bearer {token}\r\n")
            + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await socket._stream.ReadExactlyAsync(one, Eventually.Cancelled());
            head.Append((char)one[0]);
        }

        Assert.StartsWith("HTTP/1.1 101", head.ToString(), StringComparison.Ordinal);
        return socket;
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes, Eventually.Cancelled());

    /// <summary>Sends bytes to a server that may close meanwhile.</summary>
    /// <returns>Whether all were sent.</returns>
    public async Task<bool> TrySendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await SendAsync(bytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Reads the next frame.</summary>
    /// <exception cref="IOException">The server has closed the connection.</exception>
    public async Task<(byte First, byte[] Payload)> NextAsync()
    {
        var header = new byte[2];
        await _stream.ReadExactlyAsync(header, Eventually.Cancelled());
        var size = new byte[header[1] switch { 127 => 8, 126 => 2, _ => 0 }];
        await _stream.ReadExactlyAsync(size, Eventually.Cancelled());
        var length = size.Length == 0 ? header[1] : size.Aggregate(0, (sum, next) => (sum << 8) | next);
        var payload = new byte[length];
        await _stream.ReadExactlyAsync(payload, Eventually.Cancelled());
        return (header[0], payload);
    }

    /// <summary>Reads until a kind of frame comes.</summary>
    /// <param name="first">The first byte of its header.</param>
    public async Task<byte[]> NextAsync(byte first)
    {
        while (true)
        {
            var frame = await NextAsync();
            if (frame.First == first)
                return frame.Payload;
        }
    }

    /// <summary>A client's control frame, or a fragment, with a mask of zeros.</summary>
    public static byte[] Frame(byte first, params byte[] payload) =>
        [first, (byte)(0x80 | payload.Length), 0, 0, 0, 0, .. payload];

    public void Dispose() => _tcp.Dispose();
}
