using System.Collections.Concurrent;
using System.Text.Json;
using ChatCqrs.Client.Realtime;

namespace ChatCqrs.Client.Acceptance;

/// <summary>Opens real sockets, and remembers the messages that are written to them.</summary>
internal sealed class WireTap : ITransport, IDisposable
{
    private readonly HttpMessageInvoker _invoker = new(new SocketsHttpHandler());
    private readonly ConcurrentQueue<(Guid Id, string? Text)> _sent = new();

    /// <summary>Every <c>send</c> frame so far, each as often as it was sent.</summary>
    public IReadOnlyCollection<(Guid Id, string? Text)> Sent => _sent;

    public async Task<ISocket> OpenAsync(Uri server, string token, CancellationToken cancellationToken) =>
        new Tapped(await new WebSocketTransport(_invoker).OpenAsync(server, token, cancellationToken), _sent);

    public void Dispose() => _invoker.Dispose();

    private sealed class Tapped(ISocket socket, ConcurrentQueue<(Guid Id, string? Text)> sent) : ISocket
    {
        public Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
        {
            using var json = JsonDocument.Parse(frame);
            if (json.RootElement.GetProperty("op").GetString() == "send")
                sent.Enqueue((
                    json.RootElement.GetProperty("message_id").GetGuid(),
                    json.RootElement.GetProperty("text").GetString()));
            return socket.SendAsync(frame, cancellationToken);
        }

        public Task<SocketRead> ReceiveAsync(CancellationToken cancellationToken) =>
            socket.ReceiveAsync(cancellationToken);

        public Task CloseAsync(CancellationToken cancellationToken) => socket.CloseAsync(cancellationToken);

        public void Dispose() => socket.Dispose();
    }
}
