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

    /// <summary>The access token that it was opened with.</summary>
    public string Token { get; init; } = "";

    /// <summary>Whether it takes no bytes, without an error: a server that hangs.</summary>
    public bool Hangs { get; set; }

    /// <summary>Whether the client has said goodbye.</summary>
    public bool SaidGoodbye { get; private set; }

    /// <summary>Ends once the client reads from it: its deadlines have begun.</summary>
    public Task IsRead => _read.Task.WaitAsync(Wait.Most);

    /// <summary>Ends once the client has let go of it.</summary>
    public Task Ended => _ended.Task.WaitAsync(Wait.Most);

    public void Say(string json) => _toClient.Writer.TryWrite(new SocketRead(System.Text.Encoding.UTF8.GetBytes(json)));

    public void Close(int? code) => _toClient.Writer.TryWrite(new SocketRead(default, IsClosed: true, code));

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

    public void Refuse(string? reference, int status, string code, int? retryAfter = null) => Say($$"""
        {"op":"error","ref":{{(reference is null ? "null" : $"\"{reference}\"")}},
        "problem":{"type":"urn:x","title":"No","status":{{status}},"detail":"No.","code":"{{code}}","trace_id":"t"}
        {{(retryAfter is null ? "" : $",\"retry_after\":{retryAfter}")}}}
        """);

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
        if (Hangs)
            return Task.Delay(Timeout.Infinite, cancellationToken);
        using var document = JsonDocument.Parse(frame);
        _fromClient.Writer.TryWrite(document.RootElement.Clone());
        return Task.CompletedTask;
    }

    async Task<SocketRead> ISocket.ReceiveAsync(CancellationToken cancellationToken)
    {
        _read.TrySetResult();
        return await _toClient.Reader.ReadAsync(cancellationToken);
    }

    Task ISocket.CloseAsync(CancellationToken cancellationToken)
    {
        SaidGoodbye = true;
        return Task.CompletedTask;
    }

    public void Dispose() => _ended.TrySetResult();
}
