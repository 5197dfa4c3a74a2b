using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>A frame that waits until what comes before it has been fetched and sent.</summary>
internal readonly record struct HeldFrame(long Seq, ReadOnlyMemory<byte> Frame, bool IsAck);

/// <summary>
/// What a connection is missing, and what it holds back meanwhile. Bounded: beyond <see cref="HeldMax"/> frames the held ones are let go and
/// fetched like the rest. Guarded by the connection's lock.
/// </summary>
internal sealed class CatchUp(bool initial)
{
    /// <summary>How many frames are held back for one conversation.</summary>
    public const int HeldMax = 512;

    private readonly Dictionary<ConversationId, Gap> _gaps = [];

    /// <summary>Before the first look at the inbox: every conversation may be missing something, so every entry is held.</summary>
    public bool Initial { get; set; } = initial;

    /// <summary>Whether the client waits for <c>synced</c>.</summary>
    public bool SyncedOwed { get; set; } = initial;

    /// <summary>The newest position of what was held: the read side holds everything missing once it is there.</summary>
    public LogPosition Position { get; private set; }

    public bool Holds(ConversationId conversation, bool exactly = false) => (Initial && !exactly) || _gaps.ContainsKey(conversation);

    public void Await(LogPosition position) => Position = position > Position ? position : Position;

    public void Want(ConversationId conversation, long upTo)
    {
        var gap = GapOf(conversation);
        gap.UpTo = gap.Held.Count > 0 ? Math.Min(Math.Max(gap.UpTo, upTo), gap.Held[0].Seq - 1) : Math.Max(gap.UpTo, upTo);
    }

    public void Hold(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte> frame, bool isAck)
    {
        Await(position);
        var gap = GapOf(conversation);
        if (isAck)
            gap.Acks[seq] = frame;
        if (gap.Held.Count == 0 ? seq <= gap.UpTo : seq <= gap.Held[^1].Seq)
            return;
        if (gap.Held.Count == 0 || gap.Held.Count >= HeldMax || seq != gap.Held[^1].Seq + 1)
        {
            gap.Held.Clear();
            gap.UpTo = seq - 1;
        }

        gap.Held.Add(new HeldFrame(seq, frame, isAck));
    }

    /// <summary>Fetches everything up to an entry, also what was held of it.</summary>
    public void Miss(ConversationId conversation, long seq, LogPosition position)
    {
        Await(position);
        var gap = GapOf(conversation);
        if (gap.Held.Count > 0 && seq <= gap.Held[^1].Seq)
            return; // It is held already.
        gap.Held.Clear();
        gap.UpTo = Math.Max(gap.UpTo, seq);
    }

    public ConversationId? First()
    {
        foreach (var conversation in _gaps.Keys)
            return conversation;
        return null;
    }

    public long MissingUpTo(ConversationId conversation) => _gaps[conversation].UpTo;

    /// <summary>The ack that a session is owed in place of an entry that is fetched.</summary>
    public ReadOnlyMemory<byte>? AckOf(ConversationId conversation, long seq) =>
        _gaps.TryGetValue(conversation, out var gap) && gap.Acks.TryGetValue(seq, out var ack)
            ? ack
            : default(ReadOnlyMemory<byte>?); // A plain null would be taken for a null array, and become an empty frame.

    /// <summary>Ends a conversation's gap.</summary>
    public IReadOnlyList<HeldFrame> Release(ConversationId conversation)
    {
        _gaps.Remove(conversation, out var gap);
        return gap!.Held;
    }

    private Gap GapOf(ConversationId conversation)
    {
        if (!_gaps.TryGetValue(conversation, out var gap))
            _gaps.Add(conversation, gap = new Gap());
        return gap;
    }

    private sealed class Gap
    {
        /// <summary>The last seq that must be fetched; -1 for none.</summary>
        public long UpTo { get; set; } = -1;

        /// <summary>What follows it, without a gap.</summary>
        public List<HeldFrame> Held { get; } = [];

        public Dictionary<long, ReadOnlyMemory<byte>> Acks { get; } = [];
    }
}
