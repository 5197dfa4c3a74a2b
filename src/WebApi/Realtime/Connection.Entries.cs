using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The order of entries: the connection keeps the last seq sent of each conversation. It sends the next seq, drops a
/// duplicate, and starts a catch-up (<see cref="CatchUp"/>) at a gap.
/// </summary>
internal sealed partial class Connection
{
    /// <summary>
    /// The most conversations whose last seq is kept. Beyond it half of those without a gap are forgotten. A forgotten
    /// conversation's next entry is fetched, together with all that the device has not confirmed.
    /// </summary>
    public const int ConversationsMax = 20_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<ConversationId, long> _lastSent = [];

    /// <summary>Of these, the conversations that the user has left since; null for none.</summary>
    private HashSet<ConversationId>? _left;

    private CatchUp? _catchUp = new(initial: true);

    /// <summary>Starts the catch-up loop. The gateway sets it before it registers the connection.</summary>
    public required Action<Connection> OnCatchUpNeeded { get; init; }

    /// <summary>Whether the inbox has not been read yet for the entries that the device is missing.</summary>
    public bool IsNew
    {
        get
        {
            lock (_lock)
                return _catchUp is { Initial: true };
        }
    }

    /// <summary>Whether missing entries are being fetched.</summary>
    internal bool IsCatchingUp
    {
        get
        {
            lock (_lock)
                return _catchUp is not null;
        }
    }

    /// <summary>Of how many conversations the last seq is kept.</summary>
    internal int ConversationsKept
    {
        get
        {
            lock (_lock)
                return _lastSent.Count;
        }
    }

    /// <summary>
    /// Takes a committed entry: sends it if it is the next one, drops it if it was sent, holds it back while earlier
    /// ones are fetched.
    /// </summary>
    /// <param name="position">Where the log holds the entry.</param>
    /// <param name="frame">The entry's frame; for the session that sent the message, its ack.</param>
    /// <param name="isAck">
    /// Whether the frame is an ack. An ack is owed even after a catch-up has sent the entry itself.
    /// </param>
    public void Deliver(
        ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte> frame, bool isAck)
    {
        var start = false;
        lock (_lock)
        {
            var last = _lastSent.GetValueOrDefault(conversation, -1);
            if (seq > last && _catchUp is not null && _catchUp.Holds(conversation))
            {
                CloseUnless(_catchUp.Hold(conversation, seq, position, frame, isAck));
                return;
            }

            if (seq == last + 1)
            {
                Remember(conversation, seq);
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
                CloseUnless(_catchUp.Hold(conversation, seq, position, frame, isAck));
            }
        }

        if (start)
            OnCatchUpNeeded(this);
    }

    /// <summary>
    /// The user joined a conversation, perhaps again: no entry before <paramref name="joinedSeq"/> is missing.
    /// </summary>
    public void Join(ConversationId conversation, long joinedSeq)
    {
        lock (_lock)
        {
            Remember(conversation, Math.Max(_lastSent.GetValueOrDefault(conversation, -1), joinedSeq - 1));
            _left?.Remove(conversation);
        }
    }

    /// <summary>The user has left a conversation, or was removed.</summary>
    public void Leave(ConversationId conversation)
    {
        lock (_lock)
        {
            // Its inbox may have been read before the user left, and be remembered afterwards.
            if (_lastSent.ContainsKey(conversation) || _catchUp is { Initial: true })
                (_left ??= []).Add(conversation);
        }
    }

    /// <summary>Finds the users who share a conversation with this one.</summary>
    /// <param name="conversations">The users to look for, by their conversations.</param>
    /// <param name="found">Gets the users.</param>
    public void FindSharing(
        IReadOnlyDictionary<ConversationId, List<UserId>> conversations, HashSet<UserId> found)
    {
        lock (_lock)
        {
            if (_lastSent.Count > conversations.Count)
            {
                foreach (var (conversation, users) in conversations)
                {
                    if (_lastSent.ContainsKey(conversation) && _left?.Contains(conversation) is not true)
                        found.UnionWith(users);
                }

                return;
            }

            foreach (var conversation in _lastSent.Keys)
            {
                if (conversations.TryGetValue(conversation, out var users)
                    && _left?.Contains(conversation) is not true)
                    found.UnionWith(users);
            }
        }
    }

    /// <summary>
    /// The user may see a conversation no more: drops its missing and held entries, and sends the acks still owed.
    /// </summary>
    public void Abandon(ConversationId conversation)
    {
        Leave(conversation);
        lock (_lock)
        {
            foreach (var held in _catchUp?.Release(conversation) ?? [])
            {
                if (held.IsAck)
                    Send(held.Frame);
            }
        }
    }

    /// <summary>
    /// Sends every entry of the conversations after a seq, also those sent before; <c>synced</c> follows.
    /// </summary>
    /// <param name="conversations">
    /// The conversations. <c>After</c>: the last seq the client has; <c>LastSeq</c>: the last one committed.
    /// </param>
    /// <param name="position">A position at which the log holds all of these entries.</param>
    public void Rewind(
        IReadOnlyCollection<(ConversationId Conversation, long After, long LastSeq)> conversations,
        LogPosition position)
    {
        var start = false;
        lock (_lock)
        {
            start = _catchUp is null;
            _catchUp ??= new CatchUp(initial: false);
            _catchUp.SyncedOwed++;
            _catchUp.RaisePosition(position);
            foreach (var (conversation, after, lastSeq) in conversations)
            {
                var isKnown = _lastSent.TryGetValue(conversation, out var sent);
                // Entries sent since lastSeq was read are sent again too, so that they come in order.
                var upTo = isKnown ? Math.Max(lastSeq, sent) : lastSeq;
                // A fetch under way keeps its start: its entries stay owed.
                var from = isKnown && _catchUp.HasGap(conversation) ? Math.Min(after, sent) : after;
                Remember(conversation, Math.Min(from, upTo));
                CloseUnless(_catchUp.Want(conversation, upTo));
            }
        }

        if (start)
            OnCatchUpNeeded(this);
    }

    /// <summary>Fetches a committed entry that has no frame here; later entries wait for it.</summary>
    /// <param name="ack">The ack that this session gets in the entry's place; null for the entry itself.</param>
    /// <returns>False when the client has the entry.</returns>
    public bool Miss(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte>? ack = null)
    {
        var start = false;
        lock (_lock)
        {
            if (seq <= _lastSent.GetValueOrDefault(conversation, -1))
            {
                if (ack is { } late)
                    Send(late);
                return false;
            }

            start = _catchUp is null;
            _catchUp ??= new CatchUp(initial: false);
            CloseUnless(_catchUp.Miss(conversation, seq, position, ack));
        }

        if (start)
            OnCatchUpNeeded(this);
        return true;
    }

    /// <summary>Starts the first catch-up of every conversation the user sees.</summary>
    /// <param name="conversations">
    /// The conversations. <c>ConfirmedSeq</c>: the device's delivered watermark; <c>LastSeq</c>: the last entry in the
    /// inbox view.
    /// </param>
    public void Begin(
        IEnumerable<(ConversationId Conversation, long JoinedSeq, long ConfirmedSeq, long LastSeq)> conversations)
    {
        lock (_lock)
        {
            foreach (var (conversation, joined, confirmed, last) in conversations)
            {
                var sent = Math.Max(_lastSent.GetValueOrDefault(conversation, confirmed), joined - 1);
                Remember(conversation, sent);
                if (last > sent || _catchUp!.HasGap(conversation))
                    CloseUnless(_catchUp!.Want(conversation, last));
            }

            _catchUp!.Initial = false;
        }
    }

    /// <summary>Moves the conversations that this connection knows.</summary>
    public void Divide(HashSet<ConversationId> conversations, HashSet<ConversationId> known)
    {
        List<ConversationId> mine;
        lock (_lock)
        {
            mine = _lastSent.Count < conversations.Count
                ? [.. _lastSent.Keys.Where(conversations.Contains)]
                : [.. conversations.Where(_lastSent.ContainsKey)];
        }

        known.UnionWith(mine);
        conversations.ExceptWith(mine);
    }

    /// <summary>The range to fetch next.</summary>
    /// <param name="synced">The frame that ends a catch-up.</param>
    /// <returns>
    /// Null when nothing is missing: the held frames and <c>synced</c> are sent, and entries go straight through from
    /// now on.
    /// </returns>
    public MissingRange? NextMissing(ReadOnlyMemory<byte> synced)
    {
        lock (_lock)
        {
            while (_catchUp!.First() is { } conversation)
            {
                var isKnown = _lastSent.TryGetValue(conversation, out var after);
                after = isKnown ? after : -1;
                var upTo = _catchUp.MissingUpTo(conversation);
                if (after < upTo)
                    return new MissingRange(conversation, after, upTo, _catchUp.Position, isKnown);
                foreach (var held in _catchUp.Release(conversation))
                {
                    if (held.Seq > after || held.IsAck)
                        Send(held.Frame);
                    after = Math.Max(after, held.Seq);
                }

                Remember(conversation, after);
            }

            for (; _catchUp.SyncedOwed > 0; _catchUp.SyncedOwed--)
                Send(synced);
            _catchUp = null;
            return null;
        }
    }

    /// <summary>Sends a fetched entry if it is still the next one.</summary>
    /// <returns>Whether it was.</returns>
    public bool Fill(ConversationId conversation, long seq, ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (seq != _lastSent.GetValueOrDefault(conversation, -1) + 1)
                return false;
            Remember(conversation, seq);
            Send(_catchUp?.TakeAck(conversation, seq) ?? frame);
            return true;
        }
    }

    private void Remember(ConversationId conversation, long seq)
    {
        if (_lastSent.Count >= ConversationsMax && !_lastSent.ContainsKey(conversation))
            ForgetHalf();
        _lastSent[conversation] = seq;
    }

    private void ForgetHalf()
    {
        var isKept = false;
        foreach (var conversation in _lastSent.Keys)
        {
            isKept = !isKept;
            if (!isKept && _catchUp?.HasGap(conversation) is not true)
            {
                _lastSent.Remove(conversation);
                _left?.Remove(conversation);
            }
        }
    }

    private void CloseUnless(bool withinBounds)
    {
        if (!withinBounds)
            Close(TryAgainLater, "too much waits for what comes before it: reconnect and sync");
    }
}
