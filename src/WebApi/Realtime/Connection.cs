using System.Net.WebSockets;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// One socket of one device. Keeps, for every conversation, the last seq that was sent, so that a client gets entries in order, each once,
/// without a gap: a duplicate is dropped, and what does not follow on starts a catch-up (<see cref="CatchUp"/>).
/// </summary>
/// <remarks>An idle connection holds this object, its map and nothing else.</remarks>
internal sealed class Connection(UserId user, DeviceId device, DateTimeOffset expiresAt, WebSocket socket, Outbound outbound)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ConversationId, long> _sent = [];
    private CatchUp? _catchUp = new(initial: true);
    private int _closing;

    public UserId User { get; } = user;
    public DeviceId Device { get; } = device;
    public Guid Session { get; } = Guid.CreateVersion7();
    public DateTimeOffset ExpiresAt { get; } = expiresAt;
    public WebSocket Socket { get; } = socket;
    public Outbound Outbound { get; } = outbound;

    /// <summary>Whose presence the client watches; null while it watches nobody's. Belongs to <see cref="PresenceWatch"/>.</summary>
    public HashSet<UserId>? Watching { get; set; }

    /// <summary>Whether it has not been looked up yet what the device is missing.</summary>
    public bool IsNew
    {
        get
        {
            lock (_lock)
                return _catchUp is { Initial: true };
        }
    }

    /// <summary>Whether something is missing that is being fetched.</summary>
    internal bool IsCatchingUp
    {
        get
        {
            lock (_lock)
                return _catchUp is not null;
        }
    }

    /// <summary>Starts the catch-up loop; set by the gateway before the connection is registered.</summary>
    public required Action<Connection> OnCatchUpNeeded { get; init; }

    /// <summary>Sends a frame that belongs to no conversation's order.</summary>
    public void Send(ReadOnlyMemory<byte> frame)
    {
        if (Volatile.Read(ref _closing) == 0 && !Outbound.TryWrite(frame))
            TooSlow();
    }

    /// <summary>Sends a frame that may be dropped when the client is slow.</summary>
    public void Hint(ReadOnlyMemory<byte> frame)
    {
        if (Volatile.Read(ref _closing) == 0)
            Outbound.TryHint(frame);
    }

    /// <summary>Takes a committed entry: sends it if it is next, drops it if it was sent, holds it while earlier ones are fetched.</summary>
    /// <param name="frame">The entry as the socket shows it; the ack where this session sent it.</param>
    /// <param name="isAck">Whether the frame is an ack, which is owed even when the entry itself was sent by a catch-up already.</param>
    public void Deliver(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte> frame, bool isAck)
    {
        var start = false;
        lock (_lock)
        {
            var last = _sent.GetValueOrDefault(conversation, -1);
            if (seq > last && _catchUp is not null && _catchUp.Holds(conversation))
            {
                Check(_catchUp.Hold(conversation, seq, position, frame, isAck));
                return;
            }

            if (seq == last + 1)
            {
                _sent[conversation] = seq;
                Send(frame);
            }
            else if (seq <= last)
            {
                if (isAck)
                    Send(frame);
            }
            else
            {
                start = _catchUp is null;
                _catchUp ??= new CatchUp(initial: false);
                Check(_catchUp.Hold(conversation, seq, position, frame, isAck));
            }
        }

        if (start)
            OnCatchUpNeeded(this);
    }

    /// <summary>The user joined a conversation, perhaps again: of what came before that entry nothing is missing.</summary>
    public void Join(ConversationId conversation, long joinedSeq)
    {
        lock (_lock)
            _sent[conversation] = Math.Max(_sent.GetValueOrDefault(conversation, -1), joinedSeq - 1);
    }

    /// <summary>The user may see nothing of a conversation any more: what was missing stays so, but for acks.</summary>
    public void Abandon(ConversationId conversation)
    {
        lock (_lock)
        {
            foreach (var held in _catchUp?.Release(conversation) ?? [])
            {
                if (held.IsAck)
                    Send(held.Frame);
            }
        }
    }

    /// <summary>Asks for everything of a conversation after a seq, whatever was sent before; <c>synced</c> follows.</summary>
    /// <param name="position">By which the log holds all of them.</param>
    public void Rewind(IReadOnlyCollection<(ConversationId Conversation, long After, long LastSeq)> conversations, LogPosition position)
    {
        var start = false;
        lock (_lock)
        {
            start = _catchUp is null;
            _catchUp ??= new CatchUp(initial: false);
            _catchUp.SyncedOwed++;
            _catchUp.Await(position);
            foreach (var (conversation, after, lastSeq) in conversations)
            {
                var isKnown = _sent.TryGetValue(conversation, out var sent);
                var upTo = isKnown ? Math.Max(lastSeq, sent) : lastSeq; // What was sent since it was looked up has its place among the others, not behind them.
                var from = isKnown && _catchUp.Holds(conversation, exactly: true) ? Math.Min(after, sent) : after; // What is being fetched stays owed.
                _sent[conversation] = Math.Min(from, upTo);
                _catchUp.Want(conversation, upTo);
            }
        }

        if (start)
            OnCatchUpNeeded(this);
    }

    /// <summary>An entry was committed that cannot be shown now: it is fetched, and what follows it waits for it.</summary>
    /// <param name="ack">What this session is owed in the entry's place; null for the entry itself.</param>
    /// <returns>False when the client has it.</returns>
    public bool Miss(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte>? ack = null)
    {
        var start = false;
        lock (_lock)
        {
            if (seq <= _sent.GetValueOrDefault(conversation, -1))
            {
                if (ack is { } late)
                    Send(late);
                return false;
            }

            start = _catchUp is null;
            _catchUp ??= new CatchUp(initial: false);
            Check(_catchUp.Miss(conversation, seq, position, ack));
        }

        if (start)
            OnCatchUpNeeded(this);
        return true;
    }

    /// <summary>Where the first catch-up starts: what the user sees and the device has confirmed, and where each conversation ends.</summary>
    public void Begin(IEnumerable<(ConversationId Conversation, long JoinedSeq, long ConfirmedSeq, long LastSeq)> conversations)
    {
        lock (_lock)
        {
            foreach (var (conversation, joined, confirmed, last) in conversations)
            {
                _sent[conversation] = Math.Max(_sent.GetValueOrDefault(conversation, confirmed), joined - 1);
                if (last > _sent[conversation] || _catchUp!.Holds(conversation, exactly: true))
                    _catchUp!.Want(conversation, last);
            }

            _catchUp!.Initial = false;
        }
    }

    /// <summary>What to fetch next.</summary>
    /// <returns>Null when nothing is missing any more: what was held has been sent, and entries go straight through from now on.</returns>
    public (ConversationId Conversation, long After, long UpTo, LogPosition Position)? NextMissing(ReadOnlyMemory<byte> synced)
    {
        lock (_lock)
        {
            while (_catchUp!.First() is { } conversation)
            {
                var after = _sent.GetValueOrDefault(conversation, -1);
                var upTo = _catchUp.MissingUpTo(conversation);
                if (after < upTo)
                    return (conversation, after, upTo, _catchUp.Position);
                foreach (var held in _catchUp.Release(conversation))
                {
                    if (held.Seq > after || held.IsAck)
                        Send(held.Frame);
                    after = Math.Max(after, held.Seq);
                }

                _sent[conversation] = after;
            }

            for (; _catchUp.SyncedOwed > 0; _catchUp.SyncedOwed--)
                Send(synced);
            _catchUp = null;
            return null;
        }
    }

    /// <summary>Sends an entry that was fetched, if it is still the next one.</summary>
    public void Fill(ConversationId conversation, long seq, ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (seq != _sent.GetValueOrDefault(conversation, -1) + 1)
                return;
            _sent[conversation] = seq;
            Send(_catchUp?.TakeAck(conversation, seq) ?? frame);
        }
    }

    /// <summary>Begins to close. The receive loop ends the session when the peer answers, or is gone.</summary>
    public void Close(WebSocketCloseStatus status, string reason)
    {
        if (Interlocked.Exchange(ref _closing, 1) == 0)
            _ = CloseAsync(status, reason);
    }

    /// <summary>Answers the peer's close (RFC 6455, section 5.5.1), unless we said it first. Nothing is sent any more behind the answer.</summary>
    public Task AnswerCloseAsync()
    {
        Volatile.Write(ref _closing, 1);
        return Socket.State == WebSocketState.CloseReceived
            ? Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None)
            : Task.CompletedTask;
    }

    /// <summary>Waits until everything is written; not for longer than a peer may take to read a goodbye.</summary>
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
        catch (Exception exception) when (exception is WebSocketException or IOException or TimeoutException or ObjectDisposedException)
        {
            // The peer is gone or does not read: there is nobody to say goodbye to.
        }
        finally
        {
            Socket.Abort();
        }
    }

    /// <summary>How long a peer may take to read a close frame, and to answer it.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);

    private void Check(bool kept)
    {
        if (!kept)
            Close((WebSocketCloseStatus)1013, "too much waits for what comes before it: reconnect and sync");
    }

    /// <summary>Cuts off a reader that does not keep up.</summary>
    public void TooSlow()
    {
        Outbound.Drop();
        Close((WebSocketCloseStatus)1013, "too slow: reconnect and sync");
    }
}
