using System.Net.Sockets;
using System.Net.WebSockets;

namespace ChatCqrs.Acceptance.Client;

/// <summary>A socket with a tiny receive buffer that reads nothing until <see cref="ReadToTheEndAsync"/>.</summary>
public sealed class StuckSocket : IDisposable
{
    private const int Room = 8 * 1024;

    private readonly ClientWebSocket _socket = new();

    public static async Task<StuckSocket> OpenAsync(Person person)
    {
        var stuck = new StuckSocket();
        stuck._socket.Options.SetRequestHeader("Authorization", $"Bearer {person.Token}");
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp)
                {
                    ReceiveBufferSize = Room,
                    NoDelay = true,
                };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        await stuck._socket.ConnectAsync(ChatSocket.AddressOf(person.Api.Address), invoker, CancellationToken.None);
        return stuck;
    }

    /// <summary>Reads the rest; returns the close code, or null if the connection broke without one.</summary>
    public async Task<int?> ReadToTheEndAsync()
    {
        var buffer = new byte[Room];
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer, deadline.Token);
                if (part.MessageType == WebSocketMessageType.Close) return (int?)part.CloseStatus;
            }
        }
        catch (WebSocketException)
        {
            return null; // Broken without a close frame.
        }
    }

    public void Dispose() => _socket.Dispose();
}
