using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using ChatCqrs.Client.Realtime;

namespace ChatCqrs.Client.Specs.Fakes;

/// <summary>The server's end of a socket that a client has opened.</summary>
public sealed class FakeSocket : ISocket
{
    private readonly Channel<SocketRead> _toClient = Channel.CreateUnbounded<SocketRead>();
    private readonly Channel<JsonElement> _fromClient = Channel.CreateUnbounded<JsonElement>();
    private readonly TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _said;
    private int _reads;

    /// <summary>The access token that it was opened with.</summary>
    public string Token { get; init; } = "";

    /// <summary>Whether it takes no bytes, without an error: a server that hangs.</summary>
    public bool Hangs { get; set; }

    /// <summary>Whether it is dead for whoever writes, though the reader does not know yet.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Whether the client has said goodbye.</summary>
    public bool SaidGoodbye { get; private set; }

    /// <summary>Ends once the client reads from it: its deadlines have begun.</summary>
    public Task IsRead => _read.Task.WaitAsync(Wait.Most);

    /// <summary>Ends once the client has let go of it.</summary>
    public Task Ended => _ended.Task.WaitAsync(Wait.Most);

    public void Say(string json) => Give(new SocketRead(System.Text.Encoding.UTF8.GetBytes(json)));

    public void Close(int? code) => Give(new SocketRead(default, IsClosed: true, code));

    /// <summary>Ends once the client is done with every frame so far, and waits for the next one.</summary>
    public Task TakenAsync() => Wait.UntilAsync(
        () => Volatile.Read(ref _reads) > Volatile.Read(ref _said), "every frame is dealt with");

    public void Welcome(Guid? incarnation = null, int expiresIn = 900) => Say($$"""
        {"op":"welcome","user_id":"{{World.Ada}}","device_id":"{{World.Device}}","session_id":"{{Guid.NewGuid()}}",
        "server_time":"2026-01-01T00:00:00.000Z",
        "expires_at":"{{new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddSeconds(expiresIn):O}}",
        "incarnation":"{{incarnation ?? World.Incarnation}}","key_packages":0}
        """);

    public void Synced() => Say("""{"op":"synced"}""");

    public void Ack(Guid message, Guid conversation, long seq) => Say($$"""
        {"op":"ack","message_id":"{{message}}","conversation_id":"{{conversation}}","seq":{{seq}},
        "sent_at":"2026-01-01T00:00:00.000Z"}
        """);

    public void Message(Guid conversation, long seq, Guid? id = null, string text = "hello") => Say($$"""
        {"op":"message","message_id":"{{id ?? Guid.NewGuid()}}","conversation_id":"{{conversation}}","seq":{{seq}},
        "sender_id":"{{World.Ben}}","sender_device_id":null,"type":"text","text":"{{text}}",
        "sent_at":"2026-01-01T00:00:00.000Z","reactions":{"👍":["{{World.Ben}}"]},"status":"sent"}
        """);

    public void Refuse(string? reference, int status, string code) => Say($$"""
        {"op":"error","ref":{{(reference is null ? "null" : $"\"{reference}\"")}},
        "problem":{"type":"urn:x","title":"No","status":{{status}},"detail":"No.","code":"{{code}}","trace_id":"t"} }
        """);

    /// <summary>Refuses a frame of the client by its id, as the server does.</summary>
    public void Refuse(JsonElement frame, int status, string code) =>
        Refuse(frame.GetProperty("id").GetString(), status, code);

    /// <summary>The next frame of the client with this op; others are passed over.</summary>
    public async Task<JsonElement> NextAsync(string op)
    {
        using var deadline = new CancellationTokenSource(Wait.Most);
        while (true)
        {
            var frame = await _fromClient.Reader.ReadAsync(deadline.Token);
            if (frame.GetProperty("op").GetString() == op)
                return frame;
        }
    }

    /// <summary>The frames of the client up to this message.</summary>
    public async Task<IReadOnlyList<JsonElement>> ThroughAsync(Guid message)
    {
        using var deadline = new CancellationTokenSource(Wait.Most);
        var frames = new List<JsonElement>();
        do
            frames.Add(await _fromClient.Reader.ReadAsync(deadline.Token));
        while (!frames[^1].TryGetProperty("message_id", out var id) || id.GetGuid() != message);
        return frames;
    }

    /// <summary>All frames so far that were not read.</summary>
    public IReadOnlyList<JsonElement> Waiting()
    {
        var frames = new List<JsonElement>();
        while (_fromClient.Reader.TryRead(out var frame))
            frames.Add(frame);
        return frames;
    }

    Task ISocket.SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_ended.Task.IsCompleted, this);
        if (IsBroken)
            return Task.FromException(new WebSocketException(WebSocketError.ConnectionClosedPrematurely));
        if (Hangs)
        {
            cancellationToken.Register(() => Close(null)); // The base library's socket is lost with a cancelled write.
            return Task.Delay(Timeout.Infinite, cancellationToken);
        }

        using var document = JsonDocument.Parse(frame);
        _fromClient.Writer.TryWrite(document.RootElement.Clone());
        return Task.CompletedTask;
    }

    async Task<SocketRead> ISocket.ReceiveAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        _read.TrySetResult();
        return await _toClient.Reader.ReadAsync(cancellationToken);
    }

    Task ISocket.CloseAsync(CancellationToken cancellationToken)
    {
        SaidGoodbye = true;
        return Task.CompletedTask;
    }

    public void Dispose() => _ended.TrySetResult();

    private void Give(SocketRead read)
    {
        Interlocked.Increment(ref _said);
        _toClient.Writer.TryWrite(read);
    }
}
