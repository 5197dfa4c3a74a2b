using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using ChatCqrs.Client.Http;

namespace ChatCqrs.Client.Realtime;

/// <summary>An open socket. One reader and one writer at a time.</summary>
internal interface ISocket : IDisposable
{
    /// <summary>Sends one text frame.</summary>
    Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken);

    /// <summary>The next text frame, good until the next call; or how the socket ended.</summary>
    Task<SocketRead> ReceiveAsync(CancellationToken cancellationToken);

    /// <summary>Says goodbye; does not wait for the answer.</summary>
    Task CloseAsync(CancellationToken cancellationToken);
}

/// <param name="CloseCode">The server's code; null where the connection broke without one.</param>
internal readonly record struct SocketRead(ReadOnlyMemory<byte> Frame, bool IsClosed = false, int? CloseCode = null);

/// <summary>Opens sockets.</summary>
internal interface ITransport
{
    /// <exception cref="ChatException">The server refused, with its status, or could not be reached.</exception>
    Task<ISocket> OpenAsync(Uri server, string token, CancellationToken cancellationToken);
}

/// <summary>Sockets of the base library, through the client's own handler.</summary>
internal sealed class WebSocketTransport(HttpMessageInvoker invoker) : ITransport
{
    public async Task<ISocket> OpenAsync(Uri server, string token, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = TimeSpan.Zero; // The session has its own signs of life.
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            var address = new UriBuilder(new Uri(server, "v1/ws"));
            address.Scheme = address.Scheme == "https" ? "wss" : "ws";
            await socket.ConnectAsync(address.Uri, invoker, cancellationToken).ConfigureAwait(false);
            socket.HttpResponseHeaders = null; // Not needed any more, for as long as the socket lives.
            return new OpenSocket(socket);
        }
        catch (WebSocketException refused) when (socket.HttpStatusCode is not (0 or HttpStatusCode.SwitchingProtocols))
        {
            var (status, wait) = ((int)socket.HttpStatusCode, RetryAfterOf(socket));
            socket.Dispose();
            throw ChatException.Of(
                new Problem("The socket was refused.", status, refused.Message, null, null, null), wait);
        }
        catch (Exception failed) when (ChatException.IsNetwork(failed))
        {
            socket.Dispose();
            throw ChatException.Network(failed);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static TimeSpan? RetryAfterOf(ClientWebSocket socket) =>
        socket.HttpResponseHeaders is { } headers && headers.TryGetValue("Retry-After", out var values)
        && RetryConditionHeaderValue.TryParse(values.FirstOrDefault(), out var header)
            ? header.Delta
            : null;

    private sealed class OpenSocket(ClientWebSocket socket) : ISocket
    {
        /// <summary>The most bytes of one frame from the server. A larger one ends the connection.</summary>
        private const int FrameMax = 16 * 1024 * 1024;

        /// <summary>The bytes of buffer that an idle connection keeps; larger frames borrow one from a pool.</summary>
        private const int Small = 2 * 1024;

        private readonly byte[] _small = new byte[Small];
        private byte[]? _borrowed;

        public Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken) =>
            socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, cancellationToken).AsTask();

        public async Task<SocketRead> ReceiveAsync(CancellationToken cancellationToken)
        {
            GiveBack();
            var length = 0;
            try
            {
                while (true)
                {
                    var buffer = (_borrowed ?? _small).AsMemory(length);
                    var part = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
                    length += part.Count;
                    if (part.MessageType == WebSocketMessageType.Close)
                        return new SocketRead(default, IsClosed: true, (int?)socket.CloseStatus);
                    if (part.EndOfMessage)
                        return new SocketRead((_borrowed ?? _small).AsMemory(0, length));
                    if (length >= FrameMax)
                        return new SocketRead(default, IsClosed: true);
                    if (length == (_borrowed ?? _small).Length)
                        Grow(length);
                }
            }
            catch (Exception gone) when (gone is WebSocketException or IOException or ObjectDisposedException)
            {
                return new SocketRead(default, IsClosed: true, (int?)socket.CloseStatus);
            }
        }

        public Task CloseAsync(CancellationToken cancellationToken) =>
            socket.State is WebSocketState.Open or WebSocketState.CloseReceived
                ? socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken)
                : Task.CompletedTask;

        public void Dispose() => socket.Dispose(); // The borrowed buffer is not returned: a read may still use it.

        private void Grow(int length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(length * 2);
            (_borrowed ?? _small).AsSpan(0, length).CopyTo(larger);
            GiveBack();
            _borrowed = larger;
        }

        private void GiveBack()
        {
            if (_borrowed is not null)
                ArrayPool<byte>.Shared.Return(_borrowed);
            _borrowed = null;
        }
    }
}
