using System.Buffers;
using System.Net.WebSockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// <c>GET /v1/ws</c>, from the handshake to the last frame. It stands before the rest of the pipeline, so that an open
/// socket keeps nothing of it alive.
/// </summary>
internal sealed class SocketGateway(
    IAccessTokens tokens, Newcomers newcomers, OpenSockets sockets, IPresence presence, PresenceWatch watch,
    CatchUpLoop catchUp, FrameHandler frames, SocketRate rate, NewcomerPlaces places, IMessageRate frameRate,
    Origins origins, AccountFeed accounts, ILogIncarnation incarnation, TimeProvider clock,
    IHostApplicationLifetime lifetime, ILogger<SocketGateway> logger)
{
    /// <summary>The largest frame that a client may send, in bytes.</summary>
    public const int FrameMax = 512 * 1024;

    internal static readonly Refusal WebSocketRequired = new(
        RefusalKind.Invalid, "websocket_required", "This address speaks WebSocket only.");

    /// <summary>The size of the first buffer of a frame, in bytes.</summary>
    private const int BufferSize = 4 * 1024;

    /// <summary>The size of the largest frame's buffer, in bytes. A buffer grows fourfold.</summary>
    private const int BufferMax = 1024 * 1024;

    /// <summary>
    /// <see cref="SocketKeeper"/> pings for all sockets: the framework's timer for each one would cost more memory than
    /// the socket.
    /// </summary>
    private static readonly WebSocketAcceptContext AcceptContext =
        new() { KeepAliveInterval = Timeout.InfiniteTimeSpan };

    private readonly FrameShare _node = FrameShare.OfNode();

    /// <summary>What the handshake says: whose the socket is, and by which token.</summary>
    /// <param name="Caller">Null where the first frame must say it.</param>
    /// <param name="Place">Held until it has; null where the caller is known.</param>
    private sealed record Admission(AccessPrincipal? Caller, string? Token, IDisposable? Place);

    public async Task HandleAsync(HttpContext context)
    {
        if (await OpenAsync(context) is not { } connection)
            return;
        var upgrade = context.Features.GetRequiredFeature<UpgradeFeature>();
        try
        {
            var hasClosed = await ReceiveAsync(connection);
            if (!await connection.EndAsync())
                context.Abort(); // Otherwise the framework would wait for a peer that does not read.
            else if (!hasClosed)
                await upgrade.LingerAsync(UpgradeFeature.LingerMax);
        }
        finally
        {
            Unregister(connection);
            connection.Socket.Dispose();
        }
    }

    /// <summary>Everything up to the welcome. A method of its own: an open socket keeps nothing of it.</summary>
    /// <returns>The registered connection; null when the client was refused or is gone.</returns>
    private async ValueTask<Connection?> OpenAsync(HttpContext context)
    {
        if (await AdmitAsync(context) is not { } admission)
            return null;
        WebSocket? socket = null;
        try
        {
            socket = await context.WebSockets.AcceptWebSocketAsync(AcceptContext);
            var (token, caller) = (admission.Token, admission.Caller);
            if (caller is null)
            {
                if (await newcomers.MeetAsync(context, socket, Count) is not { } met)
                    return null;
                (token, caller) = met;
            }

            var connection = await RegisterAsync(context, socket, caller, token!);
            socket = null;
            return connection;
        }
        finally
        {
            admission.Place?.Dispose();
            socket?.Dispose();
        }
    }

    private async ValueTask<Connection> RegisterAsync(
        HttpContext context, WebSocket socket, AccessPrincipal caller, string token)
    {
        var upgrade = context.Features.GetRequiredFeature<UpgradeFeature>();
        var connection = new Connection(
            caller.User, caller.Device, caller.ExpiresAt, socket, upgrade.Outbound!, upgrade.Inbound!)
        {
            OnCatchUpNeeded = catchUp.Start,
            Address = ClientAddress.Of(context),
            Share = sockets.Of(caller.User) is [var other, ..] ? other.Share : new FrameShare(),
        };
        upgrade.Limit(count => Allow(connection, count));
        var welcomed = incarnation.Current;
        if (await accounts.WelcomeAsync(connection, FrameWriter.Welcome(connection, clock.GetUtcNow(), welcomed)))
            presence.Report(connection.User);
        try
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested) // The stop may have missed this socket.
                connection.Close(WebSocketCloseStatus.EndpointUnavailable, "server going away");
            if (incarnation.Current != welcomed) // The renewal may have missed this socket, too.
            {
                connection.Close(
                    WebSocketCloseStatus.EndpointUnavailable, "the log has lost entries: reconnect and sync");
            }

            catchUp.Start(connection);
            // The device may have been signed out between the first check and the registration.
            if ((await tokens.ValidateAsync(token, context.RequestAborted)).Refusal == Refusal.DeviceSignedOut)
                sockets.CloseDevice(caller.User, caller.Device);
            return connection;
        }
        catch
        {
            Unregister(connection);
            throw;
        }
    }

    private void Unregister(Connection connection)
    {
        watch.Remove(connection);
        if (sockets.Remove(connection))
            presence.Report(connection.User);
    }

    /// <summary>Counts control frames and fragments as frames. Too many close the connection.</summary>
    private bool Allow(Connection connection, int count)
    {
        if (frameRate.TryTakeMore(connection.User, count, out _))
            return true;
        connection.Close(WebSocketCloseStatus.PolicyViolation, "too many control frames or fragments");
        return false;
    }

    /// <summary>Checks the handshake, and answers a refused one.</summary>
    /// <returns>
    /// Null when it was refused; without a caller when it has no token: the first frame must bring one, and the socket
    /// has a place of its address.
    /// </returns>
    private async ValueTask<Admission?> AdmitAsync(HttpContext context)
    {
        var token = TokenOf(context);
        var isNewcomer = token is null && context.WebSockets.IsWebSocketRequest;
        AccessPrincipal? caller = null;
        IDisposable? place = null;
        Problem? problem;
        try
        {
            rate.TakeHandshake(context);
            if (!origins.AllowSocket(context.Request))
                throw new RefusedException(Origins.Refused);
            Refusal? refusal = null;
            if (!isNewcomer)
            {
                var check = await tokens.ValidateAsync(token, context.RequestAborted);
                rate.TakeIfGuess(check, ClientAddress.Of(context));
                (caller, refusal) = (check.Principal, check.Refusal);
            }

            problem = refusal is null ? ProblemOf(context) : Problems.Of(refusal);
            if (problem is null && isNewcomer)
                place = places.Take(ClientAddress.Of(context));
            else if (problem is null)
                Count(caller!.User);
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            problem = Problems.Of(exception);
            if (problem.Status == StatusCodes.Status500InternalServerError)
                logger.LogError(exception, "A handshake failed, trace {TraceId}.", problem.TraceId);
        }

        if (problem is null)
            return new Admission(caller, token, place);
        await context.Response.WriteProblemAsync(problem);
        return null;
    }

    /// <exception cref="RefusedException">The user has too many sockets, or opens them too fast.</exception>
    private void Count(UserId user) => rate.Take(user, sockets.Of(user).Length);

    private Problem? ProblemOf(HttpContext context) =>
        !context.WebSockets.IsWebSocketRequest
            ? Problems.Of(WebSocketRequired)
        : lifetime.ApplicationStopping.IsCancellationRequested ? Problems.OfStatus(503)
        : null;

    /// <returns>Null when neither the header nor the address carries a token, not even an empty one.</returns>
    private static string? TokenOf(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Bearer", StringComparison.OrdinalIgnoreCase))
            return header["Bearer".Length..].Trim();
        return context.Request.Query.TryGetValue("access_token", out var token) ? token.ToString() : null;
    }

    /// <summary>Receives frames until the socket ends.</summary>
    /// <returns>
    /// Whether both sides sent a close frame; false when the peer is gone or the framework closed after a protocol
    /// error.
    /// </returns>
    private async Task<bool> ReceiveAsync(Connection connection)
    {
        var session = new FrameSession(connection, _node);
        while (connection.Socket.State is WebSocketState.Open or WebSocketState.CloseSent)
        {
            try
            {
                // A read of zero bytes waits without a buffer: an idle socket holds none.
                var peeked = await connection.Socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
                if (peeked.MessageType == WebSocketMessageType.Close)
                    await connection.AnswerCloseAsync();
                else if (peeked.EndOfMessage)
                    await frames.HandleAsync(session, peeked.MessageType, ReadOnlyMemory<byte>.Empty);
                else
                    await ReceiveFrameAsync(connection, session);
            }
            catch (Exception exception)
                when (exception is WebSocketException or OperationCanceledException or IOException)
            {
                return false;
            }
        }

        return true;
    }

    private async ValueTask ReceiveFrameAsync(Connection connection, FrameSession session)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        var isLarge = false;
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
                    connection.Close(
                        WebSocketCloseStatus.MessageTooBig, $"frames may have at most {FrameMax} bytes");
                    return;
                }

                if (received.EndOfMessage)
                {
                    if (connection.Socket.State == WebSocketState.Open)
                        await frames.HandleAsync(session, received.MessageType, buffer.AsMemory(0, filled));
                    return;
                }

                if (filled < buffer.Length)
                    continue;
                if (!isLarge)
                {
                    await session.BeginBufferAsync(BufferMax);
                    isLarge = true;
                    connection.Inbound.Excuse();
                }

                buffer = Grow(buffer, filled);
            }
        }
        finally
        {
            if (isLarge)
                session.EndBuffer(BufferMax);
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
