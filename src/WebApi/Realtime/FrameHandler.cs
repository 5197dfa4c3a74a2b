using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Application.Receipts;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using MediatR;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Understands a client's frames and sends them through the same use cases as REST. A frame that is refused is answered with an error frame; the
/// connection stays open.
/// </summary>
internal sealed class FrameHandler(
    IMediator mediator, IConversationWriter conversations, PresenceWatch watch, IMessageRate rate, TypingRate typingRate, ILogger<FrameHandler> logger)
{
    /// <summary>How many conversations one <c>sync</c> may name.</summary>
    private const int SyncMax = 1_000;

    /// <summary>The largest frame, in bytes, that may be one of <c>typing</c> and is looked at before it is counted.</summary>
    private const int TypingMax = 1024;

    public async ValueTask HandleAsync(FrameSession session, WebSocketMessageType type, ReadOnlyMemory<byte> bytes)
    {
        var isText = type == WebSocketMessageType.Text;
        var isCounted = !isText || bytes.Length > TypingMax;
        if (isCounted && !rate.TryTake(session.Connection.User, out var retryAfter))
        {
            session.Connection.Send(TooFast(isText ? ReferenceOf(bytes) : null, retryAfter));
            return;
        }

        if (!isText)
        {
            session.Connection.Send(Error(null, "text_frames_only", "Frames must be text."));
            return;
        }

        var (frame, isJson) = Read(bytes);
        if (!isCounted && frame is not { Op: "typing", Active: not null } && !rate.TryTake(session.Connection.User, out retryAfter))
        {
            session.Connection.Send(TooFast(frame is null ? null : ReferenceOf(frame), retryAfter));
            return;
        }

        if (frame is null)
        {
            session.Connection.Send(isJson
                ? Error(null, "malformed_frame", "The frame must be a JSON object.")
                : Error(ReferenceOf(bytes), "malformed_frame", "The frame is not a JSON object of the described form."));
            return;
        }

        try
        {
            await HandleAsync(session, frame);
        }
        catch (Exception exception)
        {
            session.Connection.Send(Error(frame, exception)); // A mistake of ours does not end the socket.
        }
    }

    private static (ClientFrame? Frame, bool IsJson) Read(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return (JsonSerializer.Deserialize(bytes.Span, ClientFrameJson.Default.ClientFrame), true);
        }
        catch (JsonException)
        {
            return (null, false);
        }
    }

    private ValueTask HandleAsync(FrameSession session, ClientFrame frame)
    {
        switch (frame.Op)
        {
            case "send":
                return SendAsync(session, frame);
            case "delivered":
            case "read":
                return AcknowledgeAsync(session, frame);
            case "sync":
                return SyncAsync(session, frame);
            case "typing":
                return TypeAsync(session, frame);
            case "subscribe_presence":
                return WatchAsync(session, frame);
            case "ping":
                session.Connection.Send(FrameWriter.Pong(frame.Id));
                return ValueTask.CompletedTask;
            default:
                session.Connection.Send(Error(ReferenceOf(frame), "unknown_op", "op must be send, delivered, read, typing, subscribe_presence, sync or ping."));
                return ValueTask.CompletedTask;
        }
    }

    private async ValueTask SendAsync(FrameSession session, ClientFrame frame)
    {
        var connection = session.Connection;
        await session.EnterAsync(SizeOf(frame));
        session.Admitted = false;
        var sending = mediator.Send(
            new SendMessage.Command(
                connection.User, connection.Device, frame.ToMessage(),
                new SendMessage.Session(connection.Session, session.CorrelationId, session.Admit)),
            CancellationToken.None);
        var answered = AnswerAsync(session, frame, sending);
        if (!session.Admitted)
            await answered; // It has no place yet: what comes after it on this socket must not overtake it.
    }

    private async Task AnswerAsync(FrameSession session, ClientFrame frame, Task<Sent> sending)
    {
        try
        {
            var sent = await sending;
            if (sent.Duplicate)
                session.Connection.Send(FrameWriter.Ack(sent)); // A new message is acked by live delivery, in the entry's place.
        }
        catch (Exception exception)
        {
            session.Connection.Send(Error(frame, exception));
        }
        finally
        {
            session.Leave(SizeOf(frame));
        }
    }

    private static int SizeOf(ClientFrame frame) => (frame.Text?.Length ?? 0) + (frame.Ciphertext?.Length ?? 0);

    private async ValueTask AcknowledgeAsync(FrameSession session, ClientFrame frame)
    {
        if (!Guid.TryParseExact(frame.ConversationId, "D", out var conversation) || frame.Seq is null)
        {
            session.Connection.Send(Error(ReferenceOf(frame), "invalid", "conversation_id must be a UUID, and seq a number."));
            return;
        }

        await session.EnterAsync();
        var connection = session.Connection;
        var read = frame.Op == "read";
        _ = RunAsync(mediator.Send(
            new Acknowledge.Command(
                connection.User, connection.Device, new ConversationId(conversation), read ? null : frame.Seq, read ? frame.Seq : null,
                session.CorrelationId),
            CancellationToken.None));

        async Task RunAsync(Task<LogPosition> acknowledging)
        {
            try
            {
                await acknowledging;
            }
            catch (Exception exception)
            {
                connection.Send(Error(frame, exception));
            }
            finally
            {
                session.Leave();
            }
        }
    }

    /// <summary>The socket is not read on meanwhile, so that who stops typing is not overtaken by their starting.</summary>
    private async ValueTask TypeAsync(FrameSession session, ClientFrame frame)
    {
        var connection = session.Connection;
        if (frame.Active is not null && !typingRate.TryTake(connection.User))
            return;
        try
        {
            await mediator.Send(new SayTyping.Command(connection.User, frame.ConversationId, frame.Active), CancellationToken.None);
        }
        catch (Exception exception)
        {
            connection.Send(Error(frame, exception));
        }
    }

    private async ValueTask WatchAsync(FrameSession session, ClientFrame frame)
    {
        var connection = session.Connection;
        try
        {
            var allowed = await mediator.Send(new WatchPresence.Query(connection.User, frame.UserIds), CancellationToken.None);
            if ((allowed.Count > 0 || frame.UserIds!.Count == 0) && !watch.Add(connection, allowed))
                throw new RefusedException(Refusal.TooManyWatched);
        }
        catch (Exception exception)
        {
            connection.Send(Error(frame, exception));
        }
    }

    private async ValueTask SyncAsync(FrameSession session, ClientFrame frame)
    {
        var connection = session.Connection;
        if (frame.Conversations is null || frame.Conversations.Count > SyncMax)
        {
            connection.Send(Error(ReferenceOf(frame), "invalid", $"conversations must name at most {SyncMax} conversations with a seq each."));
            return;
        }

        if (frame.Conversations.Count > 1 && !rate.TryTakeMore(connection.User, frame.Conversations.Count - 1, out var retryAfter))
        {
            connection.Send(TooFast(ReferenceOf(frame), retryAfter)); // Each may cost a read of the stores.
            return;
        }

        var wanted = new List<(ConversationId, long, long)>();
        foreach (var (id, after) in frame.Conversations)
        {
            try
            {
                if (!Guid.TryParseExact(id, "D", out var value))
                    throw new RefusedException(Refusal.ConversationUnknown);
                var conversation = await conversations.PeekAsync(new ConversationId(value), CancellationToken.None);
                if (!conversation.Members.TryGetValue(connection.User, out var member))
                    throw new RefusedException(Refusal.ConversationUnknown);
                wanted.Add((new ConversationId(value), Math.Max(after, member.JoinedSeq - 1), conversation.LastSeq));
            }
            catch (Exception exception) when (exception is RefusedException or StoreUnavailableException)
            {
                connection.Send(Error(ReferenceOf(frame) ?? id, frame, exception));
            }
        }

        if (wanted.Count > 0 || frame.Conversations.Count == 0)
            connection.Rewind(wanted, conversations.LastCommitted);
    }

    private static byte[] TooFast(string? reference, TimeSpan retryAfter) =>
        FrameWriter.Error(reference, Problems.Of(new RefusedException(Refusal.RateLimited, retryAfter)));

    private static byte[] Error(string? reference, string code, string detail) =>
        FrameWriter.Error(reference, Problems.Of(StatusCodes.Status400BadRequest, code, detail));

    private byte[] Error(ClientFrame frame, Exception exception) => Error(ReferenceOf(frame), frame, exception);

    /// <summary>A mistake of ours is logged under the trace id that the client is told.</summary>
    private byte[] Error(string? reference, ClientFrame frame, Exception exception)
    {
        var problem = Problems.Of(exception);
        if (problem.Status == StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "A {Op} failed, trace {TraceId}.", frame.Op, problem.TraceId);
        return FrameWriter.Error(reference, problem);
    }

    private static string? ReferenceOf(ClientFrame frame) => frame.MessageId ?? Text(frame.Id);

    /// <summary>The reference in a frame whose fields have wrong types, as far as it is JSON at all.</summary>
    private static string? ReferenceOf(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return null;
            return document.RootElement.TryGetProperty("message_id", out var message) ? Text(message)
                : document.RootElement.TryGetProperty("id", out var id) ? Text(id) : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        _ => null,
    };
}
