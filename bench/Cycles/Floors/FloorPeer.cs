using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.Bench.Floors;

/// <summary>Two users, and the number of the last message between them.</summary>
internal sealed class FloorConversation(string first, string second)
{
    private long _lastSeq = -1;

    public long NextSeq() => Interlocked.Increment(ref _lastSeq);

    public string Other(string user) => user == first ? second : first;
}

/// <summary>One socket of the bare server. An idle socket holds no buffer.</summary>
internal sealed class FloorPeer(
    WebSocket socket, string user,
    ConcurrentDictionary<Guid, FloorConversation> conversations, ConcurrentDictionary<string, FloorPeer> peers)
{
    private const int LargestFrame = 4096;

    private readonly Queue<byte[]> _outgoing = new();
    private bool _sending;

    public async Task RunAsync(CancellationToken cancellation)
    {
        Post(Encoding.UTF8.GetBytes($$"""{"op":"welcome","user_id":"{{user}}"}"""));
        Post("{\"op\":\"synced\"}"u8.ToArray());
        try
        {
            while (await ReceiveAsync(cancellation))
            {
            }
        }
        catch (WebSocketException)
        {
            // The client went away without a close frame.
        }
    }

    private async ValueTask<bool> ReceiveAsync(CancellationToken cancellation)
    {
        await socket.ReceiveAsync(Memory<byte>.Empty, cancellation);
        var buffer = ArrayPool<byte>.Shared.Rent(LargestFrame);
        var received = await socket.ReceiveAsync(buffer.AsMemory(), cancellation);
        var open = received.MessageType == WebSocketMessageType.Text && received.EndOfMessage;
        if (open)
        {
            OnFrame(buffer.AsMemory(0, received.Count));
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return open;
    }

    private void OnFrame(ReadOnlyMemory<byte> payload)
    {
        using var frame = JsonDocument.Parse(payload);
        var root = frame.RootElement;
        var conversation = root.GetProperty("conversation_id").GetGuid();
        var of = conversations[conversation];
        var other = peers[of.Other(user)];
        var now = DateTime.UtcNow;
        if (root.GetProperty("op").ValueEquals("send"u8))
        {
            var (id, text) = (root.GetProperty("message_id").GetGuid(), root.GetProperty("text").GetString());
            var seq = of.NextSeq();
            Post(Encoding.UTF8.GetBytes($$"""
                {"op":"ack","message_id":"{{id}}","conversation_id":"{{conversation}}","seq":{{seq}},
                "sent_at":"{{now:yyyy-MM-ddTHH:mm:ss.fffZ}}"}
                """));
            other.Post(Encoding.UTF8.GetBytes($$"""
                {"op":"message","message_id":"{{id}}","conversation_id":"{{conversation}}","seq":{{seq}},"sender_id":"{{user}}",
                "sender_device_id":"{{user}}","type":"text","text":"{{text}}","media_object":null,"document":null,"reply_to":null,
                "ciphertext":null,"epoch":null,"sent_at":"{{now:yyyy-MM-ddTHH:mm:ss.fffZ}}","edited_at":null,"deleted_at":null,
                "expires_at":null,"reactions":{},"status":"sent"}
                """));
        }
        else
        {
            var seq = root.GetProperty("seq").GetInt64();
            other.Post(Encoding.UTF8.GetBytes($$"""
                {"op":"receipt","conversation_id":"{{conversation}}","user_id":"{{user}}","delivered_seq":{{seq}},"read_seq":null,"at":"{{now:yyyy-MM-ddTHH:mm:ss.fffZ}}"}
                """));
        }
    }

    private void Post(byte[] frame)
    {
        lock (_outgoing)
        {
            _outgoing.Enqueue(frame);
            if (_sending)
            {
                return;
            }

            _sending = true;
        }

        _ = SendAsync();
    }

    private async Task SendAsync()
    {
        while (true)
        {
            byte[]? frame;
            lock (_outgoing)
            {
                if (!_outgoing.TryDequeue(out frame))
                {
                    _sending = false;
                    return;
                }
            }

            try
            {
                await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            }
            catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
            {
                return; // RunAsync sees the same end and finishes.
            }
        }
    }
}
