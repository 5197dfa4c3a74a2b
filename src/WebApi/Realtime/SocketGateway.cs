using System.Buffers;
using System.Net.WebSockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// <c>GET /v1/ws</c>: from the handshake to the last frame. It stands before the rest of the pipeline, so that an open socket keeps nothing of it
/// alive.
/// </summary>
internal sealed class SocketGateway(
    IAccessTokens tokens, LiveHub hub, IPresence presence, PresenceWatch watch, CatchUpLoop catchUp, FrameHandler frames, SocketRate rate,
    TimeProvider clock, IHostApplicationLifetime lifetime)
{
    /// <summary>The largest frame that a client may send, in bytes.</summary>
    public const int FrameMax = 512 * 1024;

    private const int BufferSize = 4 * 1024;

    /// <summary>Dead peers are found by TCP keep-alive on the listening socket: a timer a socket would cost more memory than the socket.</summary>
    private static readonly WebSocketAcceptContext AcceptContext = new() { KeepAliveInterval = Timeout.InfiniteTimeSpan };

    public async Task HandleAsync(HttpContext context)
    {
        AccessCheck check;
        try
        {
            check = await AuthenticateAsync(context);
        }
        catch (StoreUnavailableException exception)
        {
            await context.Response.WriteProblemAsync(Problems.Of(exception)); // This stands before the pipeline that would do it.
            return;
        }

        if (check.Principal is not { } caller)
        {
            await context.Response.WriteProblemAsync(Problems.Of(check.Refusal!));
            return;
        }

        if (!context.WebSockets.IsWebSocketRequest)
        {
            await context.Response.WriteProblemAsync(Problems.Of(400, "websocket_required", "This address speaks WebSocket only."));
            return;
        }

        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            await context.Response.WriteProblemAsync(Problems.OfStatus(503));
            return;
        }

        try
        {
            rate.Take(caller.User, hub.Of(caller.User).Length);
        }
        catch (RefusedException refused)
        {
            await context.Response.WriteProblemAsync(Problems.Of(refused));
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(AcceptContext);
        var upgrade = context.Features.GetRequiredFeature<UpgradeFeature>();
        var connection = new Connection(caller.User, caller.Device, caller.ExpiresAt, socket, upgrade.Outbound!)
        {
            OnCatchUpNeeded = catchUp.Start,
        };
        connection.Send(FrameWriter.Welcome(connection, clock.GetUtcNow()));
        if (hub.Add(connection))
            presence.Report(connection.User);
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            connection.Close(WebSocketCloseStatus.EndpointUnavailable, "server going away"); // It came while all the others were told.
        catchUp.Start(connection);
        try
        {
            if ((await AuthenticateAsync(context)).Refusal == Refusal.DeviceSignedOut)
                hub.CloseDevice(caller.User, caller.Device); // Since it was looked at, and before the hub knew the socket.
            var agreed = await ReceiveAsync(connection);
            if (!await connection.EndAsync())
                context.Abort(); // The socket is closed for the framework, and would leave the connection to a peer that does not read.
            else if (!agreed)
                await upgrade.LingerAsync();
        }
        finally
        {
            watch.Remove(connection);
            if (hub.Remove(connection))
                presence.Report(connection.User);
        }
    }

    private ValueTask<AccessCheck> AuthenticateAsync(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var token = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim()
            : context.Request.Query["access_token"].ToString();
        return tokens.ValidateAsync(token, context.RequestAborted);
    }

    /// <returns>Whether both sides have said goodbye; false when the peer is gone, or broke the protocol and was told so by the framework.</returns>
    private async Task<bool> ReceiveAsync(Connection connection)
    {
        var session = new FrameSession(connection);
        while (connection.Socket.State is WebSocketState.Open or WebSocketState.CloseSent)
        {
            try
            {
                // Waiting without a buffer: an idle socket holds none.
                var peeked = await connection.Socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
                if (peeked.MessageType == WebSocketMessageType.Close)
                    await connection.AnswerCloseAsync();
                else if (peeked.EndOfMessage)
                    await frames.HandleAsync(session, peeked.MessageType, ReadOnlyMemory<byte>.Empty);
                else
                    await ReceiveFrameAsync(connection, session);
            }
            catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException)
            {
                return false;
            }
        }

        return true;
    }

    private async ValueTask ReceiveFrameAsync(Connection connection, FrameSession session)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            var filled = 0;
            while (true)
            {
                var received = await connection.Socket.ReceiveAsync(buffer.AsMemory(filled), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    await connection.AnswerCloseAsync();
                    return;
                }

                filled += received.Count;
                if (filled > FrameMax)
                {
                    connection.Close(WebSocketCloseStatus.MessageTooBig, $"frames may have at most {FrameMax} bytes");
                    return;
                }

                if (received.EndOfMessage)
                {
                    if (connection.Socket.State == WebSocketState.Open)
                        await frames.HandleAsync(session, received.MessageType, buffer.AsMemory(0, filled));
                    return;
                }

                if (filled == buffer.Length)
                    buffer = Grow(buffer, filled);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static byte[] Grow(byte[] buffer, int filled)
    {
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 4);
        buffer.AsSpan(0, filled).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }
}
