using System.Net.WebSockets;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// One socket of one device. A client gets the entries of each conversation in order, once, without a gap
/// (<c>Connection.Entries.cs</c>); this file holds the identity, plain frames and the close handshake.
/// </summary>
/// <remarks>An idle connection holds this object, its map and nothing else.</remarks>
internal sealed partial class Connection(
    UserId user, DeviceId device, DateTimeOffset expiresAt, WebSocket socket, Outbound outbound)
{
    /// <summary>How long a peer may take to read a close frame, and again to answer it.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The close code of IANA's registry for "try again later".</summary>
    private const WebSocketCloseStatus TryAgainLater = (WebSocketCloseStatus)1013;

    private int _closing;

    public UserId User { get; } = user;
    public DeviceId Device { get; } = device;
    public Guid Session { get; } = Guid.CreateVersion7();

    /// <summary>When the access token ends.</summary>
    public DateTimeOffset ExpiresAt { get; } = expiresAt;

    public WebSocket Socket { get; } = socket;
    public Outbound Outbound { get; } = outbound;

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

    /// <summary>Waits until everything is written, for at most <see cref="CloseTimeout"/>.</summary>
    /// <returns>False when the peer does not read.</returns>
    public async Task<bool> EndAsync()
    {
        try
        {
            await Outbound.DrainedAsync().WaitAsync(CloseTimeout);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task CloseAsync(WebSocketCloseStatus status, string reason)
    {
        try
        {
            await Socket.CloseOutputAsync(status, reason, CancellationToken.None);
            await Outbound.DrainedAsync().WaitAsync(CloseTimeout);
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
