using System.Collections.Concurrent;
using System.Net.WebSockets;

namespace ChatCqrs.Acceptance.Client;

/// <summary>The acknowledgements that the clients of one test got, and the number of 503 answers.</summary>
public sealed class Ledger
{
    private int _unavailable;

    /// <summary>The first acknowledgement of each message, by sender.</summary>
    public ConcurrentDictionary<(Guid Sender, Guid Message), Sent> Acknowledged { get; } = [];

    /// <summary>The number of 503 answers.</summary>
    public int Unavailable => _unavailable;

    public void Acknowledge(Guid sender, Sent sent)
    {
        var first = Acknowledged.GetOrAdd((sender, sent.MessageId), sent);
        Assert.Equal(first, sent); // A retry repeats the first answer.
    }

    public void NoteUnavailable() => Interlocked.Increment(ref _unavailable);
}

/// <summary>
/// Sends as an app does: retries every message with the same id until it is acknowledged. A refusal other than 503
/// fails the test.
/// </summary>
public sealed class Outbox(Person person, IReadOnlyList<Draft> drafts, Ledger ledger)
{
    private const int Window = 8;

    /// <summary>Sends one message after another by REST.</summary>
    public async Task SendByRestAsync(CancellationToken cancellation)
    {
        foreach (var draft in drafts)
        {
            while (await PostAsync(draft, cancellation) is not { } sent) await Eventually.BreatheAsync(cancellation);
        }
    }

    /// <summary>Pipelines over a socket; after a break sends all unacknowledged messages again, in order.</summary>
    public async Task SendBySocketAsync(CancellationToken cancellation)
    {
        var acknowledged = new HashSet<Guid>();
        while (acknowledged.Count < drafts.Count)
        {
            cancellation.ThrowIfCancellationRequested();
            if (await Connection.TryOpenAsync(person) is not { } socket)
            {
                await Eventually.BreatheAsync(cancellation);
                continue;
            }
            await using (socket)
                await SendAsync(
                    socket, [.. drafts.Where(draft => !acknowledged.Contains(draft.Id))], acknowledged, cancellation);
            await Eventually.BreatheAsync(cancellation);
        }
    }

    private async Task<Sent?> PostAsync(Draft draft, CancellationToken cancellation)
    {
        try
        {
            var answer = await person.Api.SendAsync(
                HttpMethod.Post, "/v1/messages", Json.Body(draft), person.Token, cancellation: cancellation);
            if (answer.Expect(200, 201, 503).Status == 503)
            {
                ledger.NoteUnavailable();
                return null;
            }
            ledger.Acknowledge(person.Id, answer.Read<Sent>());
            return answer.Read<Sent>();
        }
        catch (HttpRequestException)
        {
            return null; // The server is down. The caller retries.
        }
    }

    private async Task SendAsync(
        ChatSocket socket, List<Draft> left, HashSet<Guid> acknowledged, CancellationToken cancellation)
    {
        var (sent, answered, seen) = (0, 0, 0);
        while (answered < left.Count && !socket.IsClosed)
        {
            for (; sent < left.Count && sent - answered < Window; sent++)
            {
                if (!await Connection.TrySendAsync(socket, left[sent])) return;
            }
            foreach (var frame in socket.Frames(seen))
            {
                seen++;
                if (frame.Op is not ("ack" or "error")) continue;
                answered++;
                TakeAnswer(frame, acknowledged);
            }
            if (answered == left.Count) break; // All are answered.
            try
            {
                await socket.ChangedAsync(seen, cancellation);
                cancellation.ThrowIfCancellationRequested();
            }
            catch (OperationCanceledException)
            {
                var waiting = left.Take(sent).Select(draft => draft.Id)
                    .Where(id => !socket.Frames().Any(frame => ChatSocket.AnswersTo(frame, id)));
                var last = socket.Frames(Math.Max(0, seen - 12)).Select(frame => frame.Raw);
                Assert.Fail(
                    $"At the deadline {acknowledged.Count} of {drafts.Count} were acknowledged. "
                    + $"On this socket: {sent} sent, {answered} answered. Unanswered: {string.Join(", ", waiting)}. "
                    + $"The last frames: {string.Join(' ', last)}");
            }
        }
        socket.KeptOrder();
    }

    private void TakeAnswer(Frame frame, HashSet<Guid> acknowledged)
    {
        if (frame.Op == "ack")
        {
            var ack = Json.Read<Sent>(frame.Body);
            ledger.Acknowledge(person.Id, ack);
            acknowledged.Add(ack.MessageId);
            return;
        }
        var status = frame.Body.GetProperty("problem").GetProperty("status").GetInt32();
        if (status != 503) Assert.Fail($"Refused: {frame.Raw}");
        ledger.NoteUnavailable();
    }
}

/// <summary>Receives as an app does: reconnects whenever the socket breaks, and confirms each message.</summary>
public sealed class Inlet(Person person)
{
    private readonly ConcurrentDictionary<(Guid Conversation, long Seq), Guid> _entries = [];

    /// <summary>The received messages by conversation and seq. Two messages at one seq fail the test.</summary>
    public IReadOnlyDictionary<(Guid Conversation, long Seq), Guid> Entries => _entries;

    public async Task ReceiveAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            if (await Connection.TryOpenAsync(person) is not { } socket)
            {
                await Eventually.BreatheAsync(CancellationToken.None);
                continue;
            }
            await using (socket) await ReceiveAsync(socket, cancellation);
        }
    }

    private async Task ReceiveAsync(ChatSocket socket, CancellationToken cancellation)
    {
        var seen = 0;
        while (!socket.IsClosed && !cancellation.IsCancellationRequested)
        {
            foreach (var frame in socket.Frames(seen))
            {
                seen++;
                if (frame.Op != "message") continue;
                var message = Json.Read<Message>(frame.Body);
                Assert.Equal(
                    message.MessageId, _entries.GetOrAdd((message.ConversationId, message.Seq), message.MessageId));
                var delivered = new { op = "delivered", conversation_id = message.ConversationId, seq = message.Seq };
                if (!await Connection.TrySendAsync(socket, delivered)) return;
            }
            await socket.ChangedAsync(seen, cancellation);
        }
        socket.KeptOrder();
    }
}

/// <summary>Attempts that may fail because the server is down; other failures fail the test.</summary>
public static class Connection
{
    public static async Task<ChatSocket?> TryOpenAsync(Person person)
    {
        try
        {
            return await person.OpenAsync();
        }
        catch (WebSocketException refused)
        {
            if (refused.Data["status"] is int status and not (503 or 101))
                Assert.Fail($"The socket was refused with {status}.");
            return null;
        }
        catch (OperationCanceledException)
        {
            return null; // No connection within the deadline.
        }
    }

    public static async Task<bool> TrySendAsync(ChatSocket socket, object frame)
    {
        try
        {
            await socket.SendAsync(frame);
            return true;
        }
        catch (Exception broken) when (broken is WebSocketException or InvalidOperationException
            or ObjectDisposedException or OperationCanceledException)
        {
            return false;
        }
    }
}
