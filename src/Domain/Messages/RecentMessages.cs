using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>
/// An accepted message: the answer to a retry, and the evidence that distinguishes a retry from a reused id.
/// </summary>
public sealed record AcceptedMessage(
    MessageId MessageId, UserId Sender, long Seq, DateTimeOffset SentAt, Fingerprint Fingerprint)
{
    /// <summary>
    /// The message of another sender that was accepted under the same id before; null for none. Earlier versions
    /// accepted such messages.
    /// </summary>
    public AcceptedMessage? SameId { get; init; }

    /// <summary>The messages under this id without the one at a seq; null if there is no other.</summary>
    internal AcceptedMessage? Without(long seq) =>
        Seq == seq ? SameId : this with { SameId = SameId?.Without(seq) };
}

/// <summary>
/// The messages accepted last in a conversation. Recognises retries without a look-up, and proves ids new.
/// </summary>
/// <remarks>
/// A version-7 UUID (RFC 9562, section 5.7) carries the time at which it was made. Suppose that time is ahead of the
/// server's clock by at most <see cref="ClockSkewMax"/> at acceptance. Then acceptance happens no earlier than that
/// time minus the skew. So an id made later than the window's start plus the skew, and absent from the window, was
/// never accepted before, from nobody in the conversation. Ids accepted with a time further ahead raise their sender's
/// horizon, below which nothing is proved, and are kept for the other senders (docs/adr/0048).
/// </remarks>
/// <param name="ById">The messages of the window; of several under one id the last.</param>
/// <param name="Window">
/// Oldest first: messages of the last <see cref="Span"/>, at least <see cref="WindowMin"/> and at most
/// <see cref="WindowMax"/>.
/// </param>
/// <param name="Count">How many messages are in the window.</param>
/// <param name="Since">Every message accepted at or after this time is in the window.</param>
/// <param name="Horizons">An id made at or before its sender's horizon is not proved new by its time.</param>
/// <param name="Ahead">Ids of all senders that are not proved new by their time.</param>
public sealed record RecentMessages(
    ImmutableDictionary<MessageId, AcceptedMessage> ById,
    ImmutableQueue<AcceptedMessage> Window,
    int Count,
    DateTimeOffset Since,
    Horizons Horizons,
    AheadIds Ahead)
{
    /// <summary>The number of messages that the window keeps regardless of age.</summary>
    public const int WindowMin = 16;

    /// <summary>The most messages in the window.</summary>
    public const int WindowMax = 4_096;

    /// <summary>How long a message stays in the window, within the bounds.</summary>
    public static readonly TimeSpan Span = TimeSpan.FromSeconds(15);

    /// <summary>How far a client's clock may be ahead of the server's for its ids to be proved new.</summary>
    public static readonly TimeSpan ClockSkewMax = TimeSpan.FromSeconds(5);

    public static readonly RecentMessages None =
        new(
            ImmutableDictionary<MessageId, AcceptedMessage>.Empty, [], 0, DateTimeOffset.MinValue, Horizons.None,
            AheadIds.None);

    /// <summary>Finds a sender's message.</summary>
    public AcceptedMessage? Find(UserId sender, MessageId id)
    {
        var message = ById.GetValueOrDefault(id);
        while (message is not null && message.Sender != sender)
            message = message.SameId;
        return message;
    }

    /// <summary>Whether the window holds a message of another sender under the id.</summary>
    public bool IsOfAnother(UserId sender, MessageId id) =>
        ById.TryGetValue(id, out var message) && (message.Sender != sender || message.SameId is not null);

    /// <summary>Whether the window holds every message of the conversation.</summary>
    public bool HasLeftNothing => Since == DateTimeOffset.MinValue;

    /// <summary>Whether the window certainly holds every message after a seq.</summary>
    public bool HasAllAfter(long seq) => HasLeftNothing || (!Window.IsEmpty && Window.Peek().Seq <= seq + 1);

    /// <summary>
    /// Whether the id certainly belongs to no message, of the sender or another, that was accepted before the window.
    /// </summary>
    public bool ProvesNew(UserId sender, MessageId id)
    {
        if (HasLeftNothing)
            return true;
        return MadeAt(id) is { } made && made - ClockSkewMax > Since && made > Horizons.Of(sender)
            && !Ahead.MayHold(id, made);
    }

    /// <summary>The senders of messages between two seqs; null if the window does not reach back so far.</summary>
    /// <param name="after">Exclusive lower bound, a seq.</param>
    /// <param name="upTo">Inclusive upper bound, a seq.</param>
    public IReadOnlyCollection<UserId>? AuthorsBetween(long after, long upTo)
    {
        var authors = new HashSet<UserId>();
        var first = true;
        foreach (var message in Window)
        {
            var seq = message.Seq;
            if (first && seq > after + 1 && !HasLeftNothing)
                return null;
            first = false;
            if (seq > upTo)
                break;
            if (seq > after)
                authors.Add(message.Sender);
        }

        return first && !HasLeftNothing ? null : authors;
    }

    public RecentMessages Add(AcceptedMessage message)
    {
        var id = message.MessageId;
        if (ById.TryGetValue(id, out var same))
            message = message with { SameId = same };
        var added = this with { ById = ById.SetItem(id, message), Window = Window.Enqueue(message), Count = Count + 1 };
        if (MadeAt(id) is { } made && made > message.SentAt + ClockSkewMax)
        {
            added = added with
            {
                Horizons = Horizons.Raise(message.Sender, made),
                Ahead = Ahead.Add(id, Since),
            };
        }

        while (added.MayDropOldest(message.SentAt))
            added = added.DropOldest();
        return added;
    }

    /// <summary>The time in a version-7 UUID; null for other versions.</summary>
    public static DateTimeOffset? MadeAt(MessageId id)
    {
        if (id.Value.Version != 7)
            return null;
        Span<byte> bytes = stackalloc byte[16];
        id.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        var milliseconds = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(bytes) >> 16 & 0xffff_ffff_ffff;
        return milliseconds <= MillisecondsMax
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : DateTimeOffset.MaxValue;
    }

    /// <summary>The last millisecond that <see cref="DateTimeOffset"/> can hold, since the Unix epoch.</summary>
    private const long MillisecondsMax = 253_402_300_799_999;

    private bool MayDropOldest(DateTimeOffset now) =>
        Count > WindowMax || (Count > WindowMin && Window.Peek().SentAt < now - Span);

    private RecentMessages DropOldest()
    {
        var rest = Window.Dequeue(out var oldest);
        var left = ById[oldest.MessageId].Without(oldest.Seq);
        return this with
        {
            ById = left is null ? ById.Remove(oldest.MessageId) : ById.SetItem(oldest.MessageId, left),
            Window = rest,
            Count = Count - 1,
            Since = oldest.SentAt.AddMilliseconds(1),
        };
    }
}
