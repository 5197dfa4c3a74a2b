using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>A frame that waits until what comes before it has been fetched and sent.</summary>
internal readonly record struct HeldFrame(long Seq, ReadOnlyMemory<byte> Frame, bool IsAck);

/// <summary>
/// What a connection is missing, and what it holds back meanwhile. Bounded: beyond <see cref="HeldMax"/> frames of a conversation, or
/// <see cref="HeldBytesMax"/> of all, the held ones are let go and fetched like the rest. Guarded by the connection's lock.
/// </summary>
internal sealed class CatchUp(bool initial)
{
    /// <summary>How many frames are held back for one conversation.</summary>
    public const int HeldMax = 512;

    /// <summary>
    /// How many bytes of frames are held back, of all conversations together. They are sent at once, on top of what may wait while somebody
    /// catches up: more would cut off a client that reads well.
    /// </summary>
    public const int HeldBytesMax = Outbound.BytesMax / 4;

    /// <summary>How many acks are held back. A client that still goes on when so many are owed is told to come again.</summary>
    public const int AcksMax = 4 * FrameSession.InFlightMax;

    private readonly Dictionary<ConversationId, Gap> _gaps = [];
    private int _bytes;
    private int _acks;

    /// <summary>Before the first look at the inbox: every conversation may be missing something, so every entry is held.</summary>
    public bool Initial { get; set; } = initial;

    /// <summary>How many times the client waits for <c>synced</c>: after the welcome, and once for each <c>sync</c>.</summary>
    public int SyncedOwed { get; set; } = initial ? 1 : 0;

    /// <summary>The newest position of what was held: the read side holds everything missing once it is there.</summary>
    public LogPosition Position { get; private set; }

    public bool Holds(ConversationId conversation, bool exactly = false) => (Initial && !exactly) || _gaps.ContainsKey(conversation);

    public void Await(LogPosition position) => Position = position > Position ? position : Position;

    public void Want(ConversationId conversation, long upTo)
    {
        var gap = GapOf(conversation);
        gap.UpTo = gap.Held.Count > 0 ? Math.Min(Math.Max(gap.UpTo, upTo), gap.Held[0].Seq - 1) : Math.Max(gap.UpTo, upTo);
    }

    /// <summary>Keeps what comes live until what is missing before it has been sent.</summary>
    /// <returns>False when more acks are owed than may be: close the connection.</returns>
    public bool Hold(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte> frame, bool isAck)
    {
        Await(position);
        var gap = GapOf(conversation);
        if (isAck && !Owe(gap, seq, frame))
            return false;
        if (gap.Held.Count == 0 ? seq <= gap.UpTo : seq <= gap.Held[^1].Seq)
            return true;
        if (gap.Held.Count == 0 || gap.Held.Count >= HeldMax || seq != gap.Held[^1].Seq + 1)
            FetchUpTo(gap, seq - 1);
        if (_bytes + frame.Length > HeldBytesMax)
        {
            FetchUpTo(gap, seq);
            return true;
        }

        gap.Held.Add(new HeldFrame(seq, frame, isAck));
        _bytes += frame.Length;
        return true;
    }

    /// <summary>Fetches everything up to an entry, also what was held of it.</summary>
    /// <param name="ack">What is owed in the entry's place; null for the entry itself.</param>
    /// <returns>False when more acks are owed than may be: close the connection.</returns>
    public bool Miss(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte>? ack)
    {
        Await(position);
        var gap = GapOf(conversation);
        if (ack is { } owed && !Owe(gap, seq, owed))
            return false;
        if (gap.Held.Count == 0 || seq > gap.Held[^1].Seq) // Otherwise it is held already.
            FetchUpTo(gap, Math.Max(gap.UpTo, seq));
        return true;
    }

    public ConversationId? First()
    {
        foreach (var conversation in _gaps.Keys)
            return conversation;
        return null;
    }

    public long MissingUpTo(ConversationId conversation) => _gaps[conversation].UpTo;

    /// <summary>The ack that a session is owed in place of an entry that is fetched, and is owed no longer.</summary>
    public ReadOnlyMemory<byte>? TakeAck(ConversationId conversation, long seq)
    {
        if (!_gaps.TryGetValue(conversation, out var gap) || !gap.Acks.Remove(seq, out var ack))
            return default(ReadOnlyMemory<byte>?); // A plain null would be taken for a null array, and become an empty frame.
        _acks--;
        return ack;
    }

    /// <summary>Ends a conversation's gap.</summary>
    /// <returns>What was held, after the acks that are owed for entries before it.</returns>
    public IReadOnlyList<HeldFrame> Release(ConversationId conversation)
    {
        if (!_gaps.Remove(conversation, out var gap))
            return [];
        _acks -= gap.Acks.Count;
        _bytes -= gap.Bytes;
        for (var i = 0; i < gap.Held.Count; i++)
        {
            if (gap.Acks.Remove(gap.Held[i].Seq, out var ack))
                gap.Held[i] = new HeldFrame(gap.Held[i].Seq, ack, IsAck: true);
        }

        return gap.Acks.Count == 0
            ? gap.Held
            : [.. gap.Acks.OrderBy(owed => owed.Key).Select(owed => new HeldFrame(owed.Key, owed.Value, IsAck: true)), .. gap.Held];
    }

    private bool Owe(Gap gap, long seq, ReadOnlyMemory<byte> ack) => !gap.Acks.TryAdd(seq, ack) || ++_acks <= AcksMax;

    private void FetchUpTo(Gap gap, long seq)
    {
        _bytes -= gap.Bytes;
        gap.Held.Clear();
        gap.UpTo = seq;
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

        /// <summary>The size of what is held.</summary>
        public int Bytes => Held.Sum(held => held.Frame.Length);

        public Dictionary<long, ReadOnlyMemory<byte>> Acks { get; } = [];
    }
}
