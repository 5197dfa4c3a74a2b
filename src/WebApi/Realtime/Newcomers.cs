using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.RateLimits;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Lets sockets say who they are whose handshake had no token: the first frame must be <c>authenticate</c>. Nobody
/// knows them, so they have little time and little memory, and nothing of them outlives them.
/// </summary>
internal sealed class Newcomers
{
    /// <summary>The largest first frame, in bytes. It holds one access token of at most 2 KiB.</summary>
    public const int FrameMax = 4 * 1024;

    /// <summary>The most pings, pongs and fragments before the first frame is whole.</summary>
    public const int ControlFramesMax = 16;

    /// <summary>How long the first frame may take.</summary>
    public static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(5);

    /// <summary>How long a refused peer may take to read the close frame, and again to answer it.</summary>
    public static readonly TimeSpan GoodbyeMax = TimeSpan.FromSeconds(1);

    /// <summary>The close code of a token that has ended, or was never good.</summary>
    public const WebSocketCloseStatus NotAuthenticated = (WebSocketCloseStatus)4401;

    private readonly IAccessTokens _tokens;
    private readonly SocketRate _rate;
    private readonly TimeProvider _clock;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<Newcomers> _logger;

    public Newcomers(
        IAccessTokens tokens, SocketRate rate, NewcomerPlaces places, TimeProvider clock,
        IHostApplicationLifetime lifetime, ILogger<Newcomers> logger)
    {
        (_tokens, _rate, _clock, _lifetime, _logger) = (tokens, rate, clock, lifetime, logger);
        Telemetry.Meter.CreateObservableGauge(
            "chat.connections.unauthenticated", () => places.Count, "{connection}",
            "Open sockets that have not said yet who they are.");
    }

    /// <summary>Waits for the first frame, and checks its token.</summary>
    /// <param name="admit">Admits the user; throws what refuses another socket of theirs.</param>
    /// <returns>The token and whose it is; null when the socket was closed, or the peer is gone.</returns>
    public async Task<(string Token, AccessPrincipal Principal)?> MeetAsync(
        HttpContext context, WebSocket socket, Action<UserId> admit)
    {
        var upgrade = context.Features.GetRequiredFeature<UpgradeFeature>();
        var left = ControlFramesMax;
        upgrade.Limit(count =>
        {
            if ((left -= count) < 0)
                _ = TryCloseAsync(socket, WebSocketCloseStatus.PolicyViolation, "too many control frames or fragments");
            return left >= 0;
        });
        var reading = ReadAsync(socket);
        var (token, principal) = (default(string), default(AccessPrincipal));
        try
        {
            token = await reading.WaitAsync(PatienceMax, _clock, _lifetime.ApplicationStopping);
            if (token is not null && (principal = await CheckAsync(context, token)) is not null)
                admit(principal.User);
            else if (socket.State == WebSocketState.Open)
                await TryCloseAsync(socket, NotAuthenticated, "the first frame must be authenticate with a good token");
        }
        catch (Exception exception)
        {
            principal = null;
            await CloseAsync(socket, exception);
        }

        if (principal is not null)
            return (token!, principal);
        await PartAsync(context, upgrade, reading);
        return null;
    }

    /// <summary>Reads the first frame.</summary>
    /// <returns>Its token; null when it is another frame, too large, or the peer closes.</returns>
    private static async Task<string?> ReadAsync(WebSocket socket)
    {
        // A read of zero bytes waits without a buffer.
        var peeked = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        if (peeked.MessageType == WebSocketMessageType.Close)
            return await AnswerCloseAsync(socket);
        if (peeked.EndOfMessage)
            return null;
        var buffer = ArrayPool<byte>.Shared.Rent(FrameMax);
        try
        {
            for (var filled = 0; ;)
            {
                var received = await socket.ReceiveAsync(
                    buffer.AsMemory(filled, FrameMax - filled), CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close)
                    return await AnswerCloseAsync(socket);
                filled += received.Count;
                if (received.EndOfMessage)
                    return received.MessageType == WebSocketMessageType.Text
                        ? TokenOf(buffer.AsSpan(0, filled))
                        : null;
                if (filled == FrameMax)
                    return null;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    private static string? TokenOf(ReadOnlySpan<byte> frame)
    {
        try
        {
            return JsonSerializer.Deserialize(frame, ClientFrameJson.Default.ClientFrame)
                is { Op: "authenticate", AccessToken: var token } ? token : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async ValueTask<AccessPrincipal?> CheckAsync(HttpContext context, string token)
    {
        var check = await _tokens.ValidateAsync(token, CancellationToken.None);
        try
        {
            _rate.TakeIfGuess(check, ClientAddress.Of(context));
        }
        catch (RefusedException)
        {
            // One more bad token: the answer is the same, and handshakes of the address feel the count.
        }

        return check.Principal;
    }

    private async Task CloseAsync(WebSocket socket, Exception exception)
    {
        if (exception is WebSocketException or IOException)
            return; // The peer is gone, or was closed for what it sent.
        if (exception is TimeoutException)
        {
            await TryCloseAsync(socket, NotAuthenticated, "authenticate did not come in time");
            return;
        }

        // Nothing is wrong with the token: a code for which the client comes back, and keeps it.
        var reason = exception switch
        {
            OperationCanceledException => "server going away",
            RefusedException => "too many sockets: reconnect later",
            StoreUnavailableException => "a store cannot be reached: reconnect later",
            _ => "reconnect",
        };
        if (exception is not (OperationCanceledException or RefusedException or StoreUnavailableException))
            _logger.LogError(exception, "A socket could not be authenticated.");
        await TryCloseAsync(socket, WebSocketCloseStatus.EndpointUnavailable, reason);
    }

    private static async Task<string?> AnswerCloseAsync(WebSocket socket)
    {
        await TryCloseAsync(socket, WebSocketCloseStatus.NormalClosure, null);
        return null;
    }

    private static async Task TryCloseAsync(WebSocket socket, WebSocketCloseStatus status, string? reason)
    {
        try
        {
            await socket.CloseOutputAsync(status, reason, CancellationToken.None);
        }
        catch (Exception exception)
            when (exception is WebSocketException or IOException or ObjectDisposedException)
        {
            // The peer is gone: the close frame has no reader.
        }
    }

    /// <summary>Lets the peer read the close frame, then cuts the connection.</summary>
    private async Task PartAsync(HttpContext context, UpgradeFeature upgrade, Task reading)
    {
        await upgrade.Outbound!.DrainedAsync().WaitAsync(GoodbyeMax, _clock)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (reading.IsCompleted)
            await upgrade.LingerAsync(GoodbyeMax);
        else
            await reading.WaitAsync(GoodbyeMax, _clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        context.Abort();
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
