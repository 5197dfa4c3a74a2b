using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Testing;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>A client's socket that sends and reads frames as JSON.</summary>
internal sealed class JsonSocket : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[256 * 1024];

    private JsonSocket()
    {
    }

    public WebSocketState State => _socket.State;

    /// <param name="token">In the header; null for a handshake without one.</param>
    /// <param name="query">Behind the address, from its question mark on.</param>
    public static async Task<JsonSocket> OpenAsync(ChatServer server, string? token = null, string query = "")
    {
        var socket = new JsonSocket();
        socket._socket.Options.CollectHttpResponseDetails = true;
        if (token is not null)
            socket._socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        var address = new UriBuilder(server.Http.BaseAddress!) { Scheme = "ws", Path = "/v1/ws", Query = query };
        await socket._socket.ConnectAsync(address.Uri, Eventually.Cancelled());
        return socket;
    }

    /// <summary>Opens a socket, and waits until it has everything that was before.</summary>
    public static async Task<JsonSocket> SyncedAsync(ChatServer server, string token)
    {
        var socket = await OpenAsync(server, token);
        await socket.NextAsync("synced");
        return socket;
    }

    public Task SendAsync(object frame) =>
        SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text);

    public Task SendAsync(byte[] bytes, WebSocketMessageType type) =>
        _socket.SendAsync(bytes, type, endOfMessage: true, Eventually.Cancelled());

    /// <summary>Reads the next frame.</summary>
    public async Task<JsonElement> NextAsync()
    {
        var received = await ReceiveAsync();
        Assert.Equal(WebSocketMessageType.Text, received.MessageType);
        return JsonSerializer.Deserialize<JsonElement>(_buffer.AsSpan(0, received.Count));
    }

    /// <summary>Reads until a kind of frame comes.</summary>
    public async Task<JsonElement> NextAsync(string op)
    {
        while (true)
        {
            var frame = await NextAsync();
            if (frame.GetProperty("op").GetString() == op)
                return frame;
        }
    }

    /// <summary>Asserts that the next frame, but for entries, answers a ping: nothing else came before.</summary>
    public async Task LivesAsync()
    {
        var id = Guid.NewGuid().ToString();
        await SendAsync(new { op = "ping", id });
        Assert.Equal(id, (await NextAsync("pong")).GetProperty("id").GetString());
    }

    /// <summary>Reads to the end, and answers the close frame.</summary>
    /// <returns>The close code.</returns>
    public async Task<int> ClosedAsync()
    {
        while ((await ReceiveAsync()).MessageType != WebSocketMessageType.Close)
        {
        }

        if (_socket.State == WebSocketState.CloseReceived)
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Eventually.Cancelled());
        return (int)_socket.CloseStatus!.Value;
    }

    public Task CloseAsync() =>
        _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Eventually.Cancelled());

    public void Dispose() => _socket.Dispose();

    private async Task<ValueWebSocketReceiveResult> ReceiveAsync()
    {
        for (var filled = 0; ;)
        {
            var received = await _socket.ReceiveAsync(_buffer.AsMemory(filled), Eventually.Cancelled());
            filled += received.Count;
            if (received.EndOfMessage || received.MessageType == WebSocketMessageType.Close)
                return new ValueWebSocketReceiveResult(filled, received.MessageType, received.EndOfMessage);
        }
    }
}
