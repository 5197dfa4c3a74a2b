using System.Net.WebSockets;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.RateLimits;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// One socket of one device. A client gets the entries of each conversation in order, once, without a gap
/// (<c>Connection.Entries.cs</c>); this file holds the identity, plain frames and the close handshake.
/// </summary>
/// <remarks>An idle connection holds this object, its map and nothing else.</remarks>
internal sealed partial class Connection(
    UserId user, DeviceId device, DateTimeOffset expiresAt, WebSocket socket, Outbound outbound, Inbound inbound)
{
    /// <summary>
    /// How long a peer may take nothing of what waits for it. A slower one than 64 KiB a minute is cut off.
    /// </summary>
    public static readonly TimeSpan StalledMax = TimeSpan.FromSeconds(60);

    /// <summary>
    /// After how many pings without a byte of the peer the connection is closed; in intervals of
    /// <see cref="LiveOptions.KeepAlive"/>.
    /// </summary>
    public const int SilenceMax = 3;

    /// <summary>How long a peer may take to read a close frame, and again to answer it.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The close code of IANA's registry for "try again later".</summary>
    public const WebSocketCloseStatus TryAgainLater = (WebSocketCloseStatus)1013;

    private int _closing;
    private long _pingedAt;
    private long _expiresAt = expiresAt.UtcTicks;

    public UserId User { get; } = user;
    public DeviceId Device { get; } = device;
    public Guid Session { get; } = Guid.CreateVersion7();

    /// <summary>When the access token ends, UTC. A later <c>authenticate</c> changes it.</summary>
    public DateTimeOffset ExpiresAt
    {
        get => new(Volatile.Read(ref _expiresAt), TimeSpan.Zero);
        set => Volatile.Write(ref _expiresAt, value.UtcTicks);
    }

    /// <summary>
    /// Where the log was when the client was welcomed: changes of accounts up to there are in what the client reads
    /// next, and it is told of later ones. Belongs to <see cref="AccountFeed"/>.
    /// </summary>
    public LogPosition WelcomedAt { get; set; }

    /// <summary>Where the client is.</summary>
    public ClientAddress Address { get; init; }

    public WebSocket Socket { get; } = socket;
    public Outbound Outbound { get; } = outbound;
    public Inbound Inbound { get; } = inbound;

    /// <summary>What this user's sockets may keep together of what their client sends.</summary>
    public FrameShare Share { get; init; } = new();

    /// <summary>
    /// Users whose presence the client watches; null for none. Belongs to <see cref="PresenceWatchers"/>.
    /// </summary>
    public HashSet<UserId>? Watching { get; set; }

    /// <summary>Sends a frame that belongs to no conversation's order.</summary>
    public void Send(ReadOnlyMemory<byte> frame)
    {
        if (Volatile.Read(ref _closing) == 0 && !Outbound.TryWrite(frame))
            TooSlow();
    }

    /// <summary>Sends a frame that is dropped when the client is slow.</summary>
    public void Hint(ReadOnlyMemory<byte> frame)
    {
        if (Volatile.Read(ref _closing) == 0)
            Outbound.TryHint(frame);
    }

    /// <summary>Begins to close. The receive loop ends the session when the peer answers or is gone.</summary>
    public void Close(WebSocketCloseStatus status, string reason)
    {
        if (Interlocked.Exchange(ref _closing, 1) == 0)
            _ = CloseAsync(status, reason);
    }

    /// <summary>Cuts off a client that does not keep up.</summary>
    public void TooSlow()
    {
        Outbound.Drop();
        Close(TryAgainLater, "too slow: reconnect and sync");
    }

    /// <summary>Closes a connection without progress, and pings the others. Called every second.</summary>
    /// <param name="keepAlive">The time between pings.</param>
    public void Check(TimeProvider clock, TimeSpan keepAlive)
    {
        if (Outbound.StalledFor >= StalledMax)
        {
            TooSlow();
        }
        else if (Inbound.UnfinishedFor >= Inbound.UnfinishedMax)
        {
            Close(WebSocketCloseStatus.PolicyViolation, "the frame was not finished in time");
        }
        else if (Inbound.SilentFor >= keepAlive * SilenceMax)
        {
            Close(WebSocketCloseStatus.EndpointUnavailable, "pings are not answered");
        }
        else
        {
            var now = clock.GetTimestamp();
            if (_pingedAt == 0)
                _pingedAt = now; // The first look: it comes within a second.
            if (clock.GetElapsedTime(_pingedAt, now) < keepAlive)
                return;
            _pingedAt = now;
            Hint(WebSocketFrames.Ping);
        }
    }

    /// <summary>
    /// Answers the peer's close frame (RFC 6455, section 5.5.1) unless the server sent one first. Nothing is sent after
    /// the answer.
    /// </summary>
    public Task AnswerCloseAsync()
    {
        Volatile.Write(ref _closing, 1);
        return Socket.State == WebSocketState.CloseReceived
            ? Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None)
            : Task.CompletedTask;
    }

    /// <summary>
    /// Waits until everything is written: for at most <see cref="CloseTimeout"/>, and not for a peer that has taken
    /// nothing for long enough.
    /// </summary>
    /// <returns>False when the peer does not read.</returns>
    public async Task<bool> EndAsync()
    {
        try
        {
            await Outbound.DrainedAsync().WaitAsync(DrainTimeout);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private TimeSpan DrainTimeout => Outbound.StalledFor >= StalledMax ? TimeSpan.Zero : CloseTimeout;

    private async Task CloseAsync(WebSocketCloseStatus status, string reason)
    {
        try
        {
            await Socket.CloseOutputAsync(status, reason, CancellationToken.None);
            await Outbound.DrainedAsync().WaitAsync(DrainTimeout);
            await Task.Delay(CloseTimeout);
        }
        catch (Exception exception)
            when (exception is WebSocketException or IOException or TimeoutException or ObjectDisposedException)
        {
            // The peer is gone or does not read: the close frame has no reader.
        }
        finally
        {
            Socket.Abort();
        }
    }
}
