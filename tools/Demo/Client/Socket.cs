using System.Net.WebSockets;
using System.Text.Json;

namespace ChatCqrs.Demo.Client;

/// <summary>A WebSocket of one device. Keeps frames in order of arrival until they are taken.</summary>
public sealed class Socket : IAsyncDisposable
{
    /// <summary>How long to wait for a frame.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private const int FrameMax = 512 * 1024;

    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _stop;
    private readonly List<JsonElement> _frames = [];
    private readonly Lock _lock = new();
    private Task _receiving = Task.CompletedTask;
    private TaskCompletionSource _changed = NewSignal();

    private Socket(CancellationToken interrupted) =>
        _stop = CancellationTokenSource.CreateLinkedTokenSource(interrupted);

    /// <summary>The server's close status; null while open.</summary>
    public WebSocketCloseStatus? Closed { get; private set; }

    public static async Task<Socket> ConnectAsync(Uri server, string token, CancellationToken interrupted)
    {
        var socket = new Socket(interrupted);
        var address = new UriBuilder(server) { Scheme = server.Scheme == "https" ? "wss" : "ws", Path = "/v1/ws" }.Uri;
        socket._socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        await socket._socket.ConnectAsync(address, interrupted);
        socket._receiving = Task.Run(socket.ReceiveAsync, CancellationToken.None);
        return socket;
    }

    public Task SendAsync(object frame) => _socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(frame, RestClient.Names), WebSocketMessageType.Text, endOfMessage: true,
        _stop.Token);

    /// <summary>Takes the first frame of a kind that meets the condition.</summary>
    /// <exception cref="NotSeenException">None arrived in time.</exception>
    public async Task<JsonElement> NextAsync(string op, string what, Func<JsonElement, bool>? condition = null)
    {
        JsonElement frame = default;
        await UntilAsync(what, () => TryTake(op, condition, out frame));
        return frame;
    }

    /// <summary>Whether a frame is waiting to be taken.</summary>
    public bool Holds(string op, string name, Guid id)
    {
        lock (_lock)
            return _frames.Exists(
                frame => frame.GetProperty("op").GetString() == op && frame.GetProperty(name).GetGuid() == id);
    }

    /// <summary>Waits until the server has closed the socket.</summary>
    public Task ClosedAsync(string what) => UntilAsync(what, () => Closed is not null);

    public async ValueTask DisposeAsync()
    {
        if (_socket.State == WebSocketState.Open)
        {
            using var limit = new CancellationTokenSource(Patience);
            try
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
                await _receiving.WaitAsync(limit.Token);
            }
            catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
            {
                _socket.Abort(); // The server is gone, or does not close; nothing is lost.
            }
        }

        await _stop.CancelAsync();
        await _receiving;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task UntilAsync(string what, Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(Patience);
        try
        {
            while (true)
            {
                var changed = Volatile.Read(ref _changed).Task;
                if (condition())
                    return;
                if (_receiving.IsCompleted)
                    throw new NotSeenException($"{what} did not come before the socket closed ({Closed}).");
                await changed.WaitAsync(limit.Token);
            }
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            throw new NotSeenException($"{what} did not come within {Patience.TotalSeconds:0} s.");
        }
    }

    private bool TryTake(string op, Func<JsonElement, bool>? condition, out JsonElement frame)
    {
        lock (_lock)
        {
            var at = _frames.FindIndex(
                candidate => candidate.GetProperty("op").GetString() == op && condition?.Invoke(candidate) != false);
            frame = at < 0 ? default : _frames[at];
            if (at >= 0)
                _frames.RemoveAt(at);
            return at >= 0;
        }
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[FrameMax];
        try
        {
            while (await ReadAsync(buffer) is { } length)
            {
                var frame = JsonDocument.Parse(buffer.AsMemory(0, length).ToArray()).RootElement;
                lock (_lock)
                    _frames.Add(frame);
                Signal();
            }

            Closed = _socket.CloseStatus;
        }
        catch (WebSocketException)
        {
            Closed = WebSocketCloseStatus.Empty; // Disconnected without a close frame.
        }
        catch (OperationCanceledException)
        {
            Closed = WebSocketCloseStatus.NormalClosure; // Closed by this client.
        }
        finally
        {
            Signal();
        }
    }

    /// <returns>The frame's length; null if the server closes.</returns>
    private async Task<int?> ReadAsync(byte[] buffer)
    {
        var length = 0;
        while (true)
        {
            var part = await _socket.ReceiveAsync(buffer.AsMemory(length), _stop.Token);
            if (part.MessageType == WebSocketMessageType.Close)
                return null;
            length += part.Count;
            if (part.EndOfMessage)
                return length;
        }
    }

    private void Signal()
    {
        Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
