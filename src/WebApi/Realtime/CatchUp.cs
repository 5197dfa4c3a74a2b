using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>A live frame held back until the entries before it have been fetched and sent.</summary>
/// <param name="IsAck">Whether the frame is an ack in the entry's place.</param>
internal readonly record struct HeldFrame(long Seq, ReadOnlyMemory<byte> Frame, bool IsAck);

/// <summary>Entries to fetch: those with a seq above <c>After</c>, up to <c>UpTo</c>.</summary>
/// <param name="Position">A position at which the read side holds them.</param>
/// <param name="IsKnown">Whether the connection knows what it has sent; otherwise <c>After</c> is -1.</param>
internal readonly record struct MissingRange(
    ConversationId Conversation, long After, long UpTo, LogPosition Position, bool IsKnown);

/// <summary>
/// The entries that a connection is missing, and the live frames held back meanwhile. Bounded: beyond
/// <see cref="HeldMax"/> frames of a conversation, or <see cref="HeldBytesMax"/> of all, held frames are dropped and
/// fetched like the rest. Guarded by the connection's lock.
/// </summary>
/// <param name="initial">Whether the connection is new (<see cref="Initial"/>).</param>
internal sealed class CatchUp(bool initial)
{
    /// <summary>The most frames held back for one conversation.</summary>
    public const int HeldMax = 512;

    /// <summary>
    /// The most bytes of frames held back, of all conversations together, each with
    /// <see cref="Outbound.FrameCost"/>. They are released at once, on top of the
    /// queue that a catch-up fills: more would cut off a client that reads well.
    /// </summary>
    public const int HeldBytesMax = Outbound.BytesMax / 4;

    /// <summary>The most acks held back. A client that sends on with more owed is closed with 1013.</summary>
    public const int AcksMax = 4 * FrameSession.InFlightMax;

    /// <summary>
    /// The most conversations with a gap. A client for which more are missing is closed with 1013.
    /// </summary>
    public const int GapsMax = 2 * Connection.ConversationsMax;

    private readonly Dictionary<ConversationId, Gap> _gaps = [];

    /// <summary>The conversations in the order in which their gaps were noticed; some may be filled by now.</summary>
    private readonly Queue<ConversationId> _order = [];

    private int _bytes;
    private int _acks;

    /// <summary>
    /// Whether the inbox has not been read yet: any conversation may have a gap, so every entry is held back.
    /// </summary>
    public bool Initial { get; set; } = initial;

    /// <summary>
    /// How many <c>synced</c> frames the client is owed: one after the welcome, and one for each <c>sync</c>.
    /// </summary>
    public int SyncedOwed { get; set; } = initial ? 1 : 0;

    /// <summary>
    /// The newest position of a missing or held entry. A read side at this position holds everything missing.
    /// </summary>
    public LogPosition Position { get; private set; }

    /// <summary>Whether live entries of a conversation are held back.</summary>
    public bool Holds(ConversationId conversation) => Initial || HasGap(conversation);

    /// <summary>Whether entries of a conversation are known to be missing.</summary>
    public bool HasGap(ConversationId conversation) => _gaps.ContainsKey(conversation);

    /// <summary>Raises <see cref="Position"/>; never lowers it.</summary>
    public void RaisePosition(LogPosition position) => Position = position > Position ? position : Position;

    /// <summary>Fetches entries up to a seq, or up to the first held one if that comes earlier.</summary>
    /// <returns>False when more than <see cref="GapsMax"/> conversations have gaps: close the connection.</returns>
    public bool Want(ConversationId conversation, long upTo)
    {
        if (GapOf(conversation) is not { } gap)
            return false;
        gap.UpTo = gap.Held.Count > 0
            ? Math.Min(Math.Max(gap.UpTo, upTo), gap.Held[0].Seq - 1)
            : Math.Max(gap.UpTo, upTo);
        return true;
    }

    /// <summary>Holds a live frame back until the entries before it have been sent.</summary>
    /// <returns>
    /// False when more than <see cref="AcksMax"/> acks are owed, or more than <see cref="GapsMax"/> conversations have
    /// gaps: close the connection.
    /// </returns>
    public bool Hold(
        ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte> frame, bool isAck)
    {
        RaisePosition(position);
        if (GapOf(conversation) is not { } gap)
            return false;
        if (isAck && !OweAck(gap, seq, frame))
            return false;
        if (gap.Held.Count == 0 ? seq <= gap.UpTo : seq <= gap.Held[^1].Seq)
            return true;
        if (gap.Held.Count == 0 || gap.Held.Count >= HeldMax || seq != gap.Held[^1].Seq + 1)
            FetchUpTo(gap, seq - 1);
        if (_bytes + frame.Length + Outbound.FrameCost > HeldBytesMax)
        {
            FetchUpTo(gap, seq);
            return true;
        }

        gap.Hold(new HeldFrame(seq, frame, isAck));
        _bytes += frame.Length + Outbound.FrameCost;
        return true;
    }

    /// <summary>Fetches everything up to an entry, and drops the frames held before it.</summary>
    /// <param name="ack">The ack owed in the entry's place; null for the entry itself.</param>
    /// <returns>
    /// False when more than <see cref="AcksMax"/> acks are owed, or more than <see cref="GapsMax"/> conversations have
    /// gaps: close the connection.
    /// </returns>
    public bool Miss(ConversationId conversation, long seq, LogPosition position, ReadOnlyMemory<byte>? ack)
    {
        RaisePosition(position);
        if (GapOf(conversation) is not { } gap)
            return false;
        if (ack is { } owed && !OweAck(gap, seq, owed))
            return false;
        if (gap.Held.Count == 0 || seq > gap.Held[^1].Seq) // Otherwise it is held already.
            FetchUpTo(gap, Math.Max(gap.UpTo, seq));
        return true;
    }

    /// <summary>The conversation whose gap was noticed first; null when there is none.</summary>
    public ConversationId? First()
    {
        while (_order.TryPeek(out var conversation))
        {
            if (_gaps.ContainsKey(conversation))
                return conversation;
            _order.Dequeue();
        }

        return null;
    }

    /// <summary>The last seq to fetch of a conversation with a gap; -1 for none.</summary>
    public long MissingUpTo(ConversationId conversation) => _gaps[conversation].UpTo;

    /// <summary>Takes the ack that replaces a fetched entry; null for none.</summary>
    public ReadOnlyMemory<byte>? TakeAck(ConversationId conversation, long seq)
    {
        if (!_gaps.TryGetValue(conversation, out var gap) || gap.TakeAck(seq) is not { } ack)
            return default(ReadOnlyMemory<byte>?); // A plain null would convert from a null array to an empty frame.
        _acks--;
        return ack;
    }

    /// <summary>Ends a conversation's gap.</summary>
    /// <returns>The acks owed for entries before the held ones, then the held frames.</returns>
    public IReadOnlyList<HeldFrame> Release(ConversationId conversation)
    {
        if (!_gaps.Remove(conversation, out var gap))
            return [];
        _acks -= gap.Acks.Count;
        _bytes -= gap.Bytes;
        for (var i = 0; i < gap.Held.Count; i++)
        {
            if (gap.TakeAck(gap.Held[i].Seq) is { } ack)
                gap.Replace(i, new HeldFrame(gap.Held[i].Seq, ack, IsAck: true));
        }

        if (gap.Acks.Count == 0)
            return gap.Held;
        var acks = gap.Acks.Select(owed => new HeldFrame(owed.Key, owed.Value, IsAck: true));
        return [.. acks, .. gap.Held];
    }

    private bool OweAck(Gap gap, long seq, ReadOnlyMemory<byte> ack) =>
        !gap.Owe(seq, ack) || ++_acks <= AcksMax;

    private void FetchUpTo(Gap gap, long seq)
    {
        _bytes -= gap.Bytes;
        gap.Forget();
        gap.UpTo = seq;
    }

    /// <returns>Null when too many conversations have gaps.</returns>
    private Gap? GapOf(ConversationId conversation)
    {
        if (_gaps.TryGetValue(conversation, out var gap))
            return gap;
        if (_gaps.Count >= GapsMax)
            return null;
        _gaps.Add(conversation, gap = new Gap());
        _order.Enqueue(conversation);
        return gap;
    }

    /// <summary>A conversation's gap. Most have neither held frames nor acks, and no lists for them.</summary>
    private sealed class Gap
    {
        private List<HeldFrame>? _held;
        private SortedDictionary<long, ReadOnlyMemory<byte>>? _acks;

        /// <summary>The last seq to fetch; -1 for none.</summary>
        public long UpTo { get; set; } = -1;

        /// <summary>The live frames after <see cref="UpTo"/>, without a gap.</summary>
        public IReadOnlyList<HeldFrame> Held => _held ?? (IReadOnlyList<HeldFrame>)[];

        /// <summary>The size of the held frames, each with <see cref="Outbound.FrameCost"/>.</summary>
        public int Bytes => Held.Sum(held => held.Frame.Length + Outbound.FrameCost);

        /// <summary>The acks owed in the place of entries, by seq.</summary>
        public IReadOnlyCollection<KeyValuePair<long, ReadOnlyMemory<byte>>> Acks =>
            _acks ?? (IReadOnlyCollection<KeyValuePair<long, ReadOnlyMemory<byte>>>)[];

        public void Hold(HeldFrame frame) => (_held ??= []).Add(frame);

        public void Replace(int index, HeldFrame frame) => _held![index] = frame;

        public void Forget() => _held = null;

        /// <returns>False when it is owed already.</returns>
        public bool Owe(long seq, ReadOnlyMemory<byte> ack) => (_acks ??= []).TryAdd(seq, ack);

        public ReadOnlyMemory<byte>? TakeAck(long seq) => _acks is not null && _acks.Remove(seq, out var ack)
            ? ack
            : default(ReadOnlyMemory<byte>?);
    }
}
