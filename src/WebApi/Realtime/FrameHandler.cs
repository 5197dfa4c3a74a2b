using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Application;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Presence;
using ChatCqrs.Application.Receipts;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.RateLimits;
using MediatR;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Parses a client's frames and sends them through the same use cases as REST. A refused frame is answered with an
/// error frame; the connection stays open.
/// </summary>
internal sealed class FrameHandler(
    IMediator mediator, SyncHandler sync, TokenRenewal renewal, PresenceWatch watch, IMessageRate rate,
    TypingRate typingRate, ILogger<FrameHandler> logger)
{
    /// <summary>
    /// The largest <c>typing</c> frame, in bytes. Only frames up to this size are parsed before they count against the
    /// rate of frames, because <c>typing</c> has a rate of its own.
    /// </summary>
    private const int TypingMax = 1024;

    public async ValueTask HandleAsync(FrameSession session, WebSocketMessageType type, ReadOnlyMemory<byte> bytes)
    {
        var connection = session.Connection;
        var isText = type == WebSocketMessageType.Text;
        var isCounted = !isText || bytes.Length > TypingMax;
        if (isCounted && !rate.TryTake(connection.User, out var retryAfter))
        {
            connection.Send(ErrorFrames.RateLimited(isText ? ErrorFrames.ReferenceOf(bytes) : null, retryAfter));
            return;
        }

        if (!isText)
        {
            connection.Send(ErrorFrames.Of(null, ErrorFrames.TextFramesOnly));
            return;
        }

        var (frame, isJson) = Parse(bytes);
        if (!isCounted && frame is not { Op: "typing", Active: not null }
            && !rate.TryTake(connection.User, out retryAfter))
        {
            var reference = frame is null ? null : ErrorFrames.ReferenceOf(frame);
            connection.Send(ErrorFrames.RateLimited(reference, retryAfter));
            return;
        }

        if (frame is null)
        {
            connection.Send(Malformed(bytes, isJson));
            return;
        }

        try
        {
            await HandleAsync(session, frame, bytes.Length);
        }
        catch (Exception exception)
        {
            connection.Send(ErrorFrames.Of(frame, exception, logger)); // A bug must not end the socket.
        }
    }

    /// <returns>A null frame for malformed bytes and for the JSON literal <c>null</c>, which alone is JSON.</returns>
    private static (ClientFrame? Frame, bool IsJson) Parse(ReadOnlyMemory<byte> bytes)
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

    private static byte[] Malformed(ReadOnlyMemory<byte> bytes, bool isJson) => isJson
        ? ErrorFrames.Of(null, ErrorFrames.MalformedFrame)
        : ErrorFrames.Of(ErrorFrames.ReferenceOf(bytes), ErrorFrames.MalformedFrame);

    /// <param name="size">The frame's size, in bytes.</param>
    private ValueTask HandleAsync(FrameSession session, ClientFrame frame, int size)
    {
        switch (frame.Op)
        {
            case "send":
                return SendAsync(session, frame, size);
            case "delivered":
            case "read":
                return AcknowledgeAsync(session, frame, size);
            case "sync":
                return sync.HandleAsync(session.Connection, frame);
            case "typing":
                return TypeAsync(session.Connection, frame);
            case "subscribe_presence":
                return WatchAsync(session.Connection, frame);
            case "authenticate":
                return renewal.HandleAsync(session.Connection, frame);
            case "ping":
                session.Connection.Send(FrameWriter.Pong(frame.Id));
                return ValueTask.CompletedTask;
            default:
                session.Connection.Send(ErrorFrames.Of(ErrorFrames.ReferenceOf(frame), ErrorFrames.UnknownOp));
                return ValueTask.CompletedTask;
        }
    }

    private async ValueTask SendAsync(FrameSession session, ClientFrame frame, int size)
    {
        var connection = session.Connection;
        await session.EnterAsync(size);
        session.Admitted = false;
        var sending = mediator.Send(
            new SendMessage.Command(
                connection.User, connection.Device, frame.ToMessage(),
                new SendMessage.Session(connection.Session, session.CorrelationId, session.Admit)),
            CancellationToken.None);
        var answered = AnswerAsync(session, "send", ErrorFrames.ReferenceOf(frame), size, sending);
        if (!session.Admitted)
            await answered; // The message has no place in the order yet: the socket's next frame must not overtake it.
    }

    private async Task AnswerAsync(FrameSession session, string op, string? reference, int size, Task<Sent> sending)
    {
        try
        {
            var sent = await sending;
            if (sent.Duplicate) // Live delivery acks a new message, in the entry's place.
                session.Connection.Send(FrameWriter.Ack(sent));
        }
        catch (Exception exception)
        {
            session.Connection.Send(ErrorFrames.Of(op, reference, exception, logger));
        }
        finally
        {
            session.Leave(size);
        }
    }

    private async ValueTask AcknowledgeAsync(FrameSession session, ClientFrame frame, int size)
    {
        if (!Uuids.TryParse(frame.ConversationId, out var conversation) || frame.Seq is null)
        {
            session.Connection.Send(ErrorFrames.Invalid(
                ErrorFrames.ReferenceOf(frame), "conversation_id must be a UUID, and seq a number."));
            return;
        }

        await session.EnterAsync(size);
        var connection = session.Connection;
        var isRead = frame.Op == "read";
        var acknowledging = mediator.Send(
            new Acknowledge.Command(
                connection.User, connection.Device, new ConversationId(conversation),
                isRead ? null : frame.Seq, isRead ? frame.Seq : null, session.CorrelationId),
            CancellationToken.None);
        _ = AnswerAsync(session, isRead ? "read" : "delivered", ErrorFrames.ReferenceOf(frame), size, acknowledging);
    }

    private async Task AnswerAsync(
        FrameSession session, string op, string? reference, int size, Task<LogPosition> acknowledging)
    {
        try
        {
            await acknowledging;
        }
        catch (Exception exception)
        {
            session.Connection.Send(ErrorFrames.Of(op, reference, exception, logger));
        }
        finally
        {
            session.Leave(size);
        }
    }

    /// <summary>
    /// The receive loop waits for this, so that a user's stop of typing is never overtaken by the start.
    /// </summary>
    private async ValueTask TypeAsync(Connection connection, ClientFrame frame)
    {
        if (frame.Active is not null && !typingRate.TryTake(connection.User))
            return;
        try
        {
            await mediator.Send(
                new SayTyping.Command(connection.User, frame.ConversationId, frame.Active), CancellationToken.None);
        }
        catch (Exception exception)
        {
            connection.Send(ErrorFrames.Of(frame, exception, logger));
        }
    }

    private async ValueTask WatchAsync(Connection connection, ClientFrame frame)
    {
        try
        {
            var allowed = await mediator.Send(
                new WatchPresence.Query(connection.User, frame.UserIds), CancellationToken.None);
            if ((allowed.Count > 0 || frame.UserIds!.Count == 0) && !watch.Add(connection, allowed))
                throw new RefusedException(Refusal.TooManyWatched);
        }
        catch (Exception exception)
        {
            connection.Send(ErrorFrames.Of(frame, exception, logger));
        }
    }
}
