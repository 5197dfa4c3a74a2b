using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.Acceptance.Client;

/// <summary>One frame from the server.</summary>
public sealed record Frame(string Op, JsonElement Body, string Raw)
{
    public bool Is(string op, Guid conversation) =>
        Op == op && Body.TryGetProperty("conversation_id", out var id) && id.GetGuid() == conversation;
}

/// <summary>
/// A client's socket. It keeps every frame in order and checks the promise of the contract: within a conversation a
/// connection gets entries in seq order, each once, without a gap. Acks stand in for the connection's own messages.
/// </summary>
public sealed class ChatSocket : IAsyncDisposable
{
    private const int Chunk = 16 * 1024;

    private readonly ClientWebSocket _socket;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly CancellationTokenSource _disposed = new();
    private readonly Lock _gate = new();
    private readonly List<Frame> _frames = [];
    private readonly EntryOrder _order = new();
    private readonly Task _receiving;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _violation;

    private ChatSocket(ClientWebSocket socket)
    {
        _socket = socket;
        _receiving = Task.Run(ReceiveAsync);
    }

    /// <summary>The server's close code; null while open, and when the connection broke without one.</summary>
    public int? CloseCode { get; private set; }

    public bool IsClosed { get; private set; }

    public static Uri AddressOf(Uri server, string? query = null) =>
        new UriBuilder(server) { Scheme = "ws", Path = "/v1/ws", Query = query }.Uri;

    public static async Task<ChatSocket> OpenAsync(Uri server, string? token, bool tokenInQuery = false)
    {
        var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (token is not null && !tokenInQuery) socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        try
        {
            using var deadline = new CancellationTokenSource(Eventually.Deadline);
            var query = tokenInQuery ? $"access_token={Uri.EscapeDataString(token!)}" : null;
            await socket.ConnectAsync(AddressOf(server, query), deadline.Token);
            return new ChatSocket(socket);
        }
        catch (WebSocketException refused) when (socket.HttpStatusCode != default)
        {
            refused.Data["status"] = (int)socket.HttpStatusCode;
            socket.Dispose();
            throw;
        }
    }

    public Task SendAsync(object frame) =>
        SendAsync(Encoding.UTF8.GetBytes(frame is Draft draft ? draft.AsFrame() : Json.Write(frame)));

    public async Task SendAsync(byte[] bytes, WebSocketMessageType type = WebSocketMessageType.Text, bool last = true)
    {
        await _sending.WaitAsync();
        try
        {
            using var deadline = new CancellationTokenSource(Eventually.Deadline);
            await _socket.SendAsync(bytes, type, last, deadline.Token);
        }
        finally
        {
            _sending.Release();
        }
    }

    public async Task<Sent> SayAsync(Draft draft)
    {
        await SendAsync(draft);
        return await AckAsync(draft.Id);
    }

    /// <summary>Waits for the ack of a message; fails when the message was refused.</summary>
    public async Task<Sent> AckAsync(Guid message)
    {
        var frame = await NextAsync(f => AnswersTo(f, message), $"an answer to message {message}");
        if (frame.Op != "ack") Assert.Fail($"Expected an ack. Got {frame.Raw}");
        return Json.Read<Sent>(frame.Body);
    }

    /// <summary>Whether a frame answers a message: its ack, or an error that refers to it.</summary>
    public static bool AnswersTo(Frame frame, Guid message) =>
        (frame.Op == "ack" && frame.Body.Text("message_id") == message.ToString())
        || (frame.Op == "error" && frame.Body.Text("ref") == message.ToString());

    /// <summary>
    /// Sends a ping and waits for its pong: the connection is open, and the server has read all earlier frames.
    /// </summary>
    public async Task PingAsync()
    {
        var id = Guid.NewGuid().ToString();
        await SendAsync(new { op = "ping", id });
        await NextAsync(f => f.Op == "pong" && f.Body.Text("id") == id, "the pong");
    }

    /// <summary>The number of frames so far; pass it as <c>from</c> to see only later ones.</summary>
    public int Mark()
    {
        lock (_gate) return _frames.Count;
    }

    public IReadOnlyList<Frame> Frames(int from = 0)
    {
        lock (_gate) return _frames[from..];
    }

    public IReadOnlyList<Message> Messages(Guid conversation, int from = 0) =>
        [.. Frames(from).Where(f => f.Is("message", conversation)).Select(f => Json.Read<Message>(f.Body))];

    public Task<Frame> NextAsync(string op, int from = 0) => NextAsync(f => f.Op == op, $"a frame {op}", from);

    public async Task<Message> MessageAsync(Guid message, int from = 0) => Json.Read<Message>((await NextAsync(
        f => f.Op == "message" && f.Body.Text("message_id") == message.ToString(), $"message {message}", from)).Body);

    public async Task<Frame> ReceiptAsync(Guid conversation, Guid user, long? delivered = null, long? read = null) =>
        await NextAsync(
            f => f.Is("receipt", conversation) && f.Body.Id("user_id") == user
                && (delivered is null || f.Body.Number("delivered_seq") >= delivered)
                && (read is null || f.Body.Number("read_seq") >= read),
            $"the receipt of {user} for {delivered}/{read}");

    public Task<Frame> PresenceAsync(Guid user, bool online, int from = 0) => NextAsync(
        f => f.Op == "presence" && f.Body.Id("user_id") == user && f.Body.GetProperty("online").GetBoolean() == online,
        $"presence of {user}, {(online ? "online" : "gone")}", from);

    public Task<Frame> TypingAsync(Guid conversation, Guid user, bool active, int from = 0) => NextAsync(
        f => f.Is("typing", conversation) && f.Body.Id("user_id") == user
            && f.Body.GetProperty("active").GetBoolean() == active,
        $"typing of {user}, {active}", from);

    /// <summary>The first matching frame from index <paramref name="from"/> on, past or future.</summary>
    public async Task<Frame> NextAsync(Func<Frame, bool> fits, string what, int from = 0, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Eventually.Deadline);
        var next = from;
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_violation is not null) Assert.Fail(_violation);
                for (; next < _frames.Count; next++)
                {
                    if (fits(_frames[next])) return _frames[next];
                }
                if (IsClosed) Assert.Fail($"The socket was closed ({CloseCode}) before {what}. {Tail()}");
                changed = _changed.Task;
            }
            await changed.WaitAsync(deadline.Token)
                .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            if (deadline.IsCancellationRequested) Assert.Fail($"No {what} within the deadline. {Tail()}");
        }
    }

    /// <summary>
    /// Waits for more frames than <paramref name="seen"/>, for the end of the socket, or for cancellation.
    /// </summary>
    public async Task ChangedAsync(int seen, CancellationToken cancellation)
    {
        Task changed;
        lock (_gate)
        {
            if (_frames.Count > seen || IsClosed) return;
            changed = _changed.Task;
        }
        await changed.WaitAsync(cancellation)
            .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Waits for the end of the connection and returns the close code.</summary>
    public async Task<int?> ClosedAsync()
    {
        await _receiving.WaitAsync(Eventually.Deadline);
        return CloseCode;
    }

    /// <summary>Forgets the entries seen of a conversation, because a sync asks for them again.</summary>
    public void ForgetOrder(Guid conversation)
    {
        lock (_gate) _order.Forget(conversation);
    }

    /// <summary>Asserts that entries came in order, each once, with no gap but the connection's own messages.</summary>
    /// <param name="ownByRest">Seqs of own messages that were sent by REST, without an ack frame.</param>
    public void KeptOrder(params long[] ownByRest)
    {
        lock (_gate)
        {
            if (_violation is not null) Assert.Fail(_violation);
            if (_order.Gap(ownByRest) is { } gap) Assert.Fail(gap);
        }
    }

    /// <summary>Breaks the connection without a close frame, like a phone in a tunnel.</summary>
    public async Task AbortAsync()
    {
        _socket.Abort();
        await _receiving;
    }

    public async ValueTask DisposeAsync()
    {
        if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            try
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, patience.Token);
                await _receiving.WaitAsync(patience.Token);
            }
            catch (Exception gone) when (
                gone is WebSocketException or OperationCanceledException or InvalidOperationException)
            {
                _socket.Abort(); // The server ended the connection first.
            }
        }
        await _disposed.CancelAsync();
        _socket.Dispose();
        await _receiving;
        _disposed.Dispose();
        _sending.Dispose();
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[Chunk];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer, _disposed.Token);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    CloseCode = (int?)part.CloseStatus;
                    if (_socket.State == WebSocketState.CloseReceived)
                        await _socket.CloseOutputAsync(
                            part.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, _disposed.Token);
                    return;
                }
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage) continue;
                Take(Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length));
                message.SetLength(0);
            }
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException
            or ObjectDisposedException or InvalidOperationException)
        {
            CloseCode ??= (int?)_socket.CloseStatus; // The connection broke, perhaps without a close frame.
        }
        finally
        {
            lock (_gate)
            {
                IsClosed = true;
                _changed.TrySetResult();
            }
        }
    }

    private void Take(string raw)
    {
        lock (_gate)
        {
            try
            {
                var body = Json.Parse(raw);
                var frame = new Frame(body.GetProperty("op").GetString()!, body, raw);
                _violation ??= body.EnumerateObject().First().Name == "op"
                    ? _order.Check(frame)
                    : $"op does not come first: {raw}";
                _frames.Add(frame);
            }
            catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException)
            {
                _violation ??= $"A frame that is no JSON object with an op: {raw} ({broken.Message})";
            }
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private string Tail() =>
        "The last frames: " + string.Join(
            " ", _frames.TakeLast(6).Select(f => f.Raw.Length > 300 ? f.Raw[..300] : f.Raw));
}
