using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>A message that was accepted: what a retry of it is answered with, and what tells a retry from a reused id.</summary>
public sealed record AcceptedMessage(
    MessageId MessageId, UserId Sender, long Seq, DateTimeOffset SentAt, Fingerprint Fingerprint);

/// <summary>
/// The messages last accepted in a conversation, by which retries are recognised without a look-up, and the proof that an id can be none
/// of the earlier ones.
/// </summary>
/// <remarks>
/// The proof: a version-7 UUID (RFC 9562, section 5.7) carries the time at which it was made. An id whose time is not ahead of the server's
/// clock by more than <see cref="ClockSkewMax"/> when it is accepted is accepted after that time less the skew. So an id
/// made later than the window's start plus the skew, that is not in the window, was never accepted before. Ids
/// that were further ahead when they were accepted raise their sender's horizon, below which nothing is proved.
/// </remarks>
/// <param name="Window">The accepted messages, oldest first: those of the last <see cref="Span"/>, and at least <see cref="WindowMin"/> and at most <see cref="WindowMax"/>.</param>
/// <param name="Since">Every message accepted at or after this time is in the window.</param>
/// <param name="Horizons">No id made at or before its sender's is proved new by its time alone.</param>
public sealed record RecentMessages(
    ImmutableDictionary<(UserId Sender, MessageId Message), AcceptedMessage> ById, ImmutableQueue<(UserId Sender, MessageId Message)> Window, DateTimeOffset Since, Horizons Horizons)
{
    /// <summary>How many messages the window keeps however old they are.</summary>
    public const int WindowMin = 16;

    /// <summary>How many messages the window holds at most.</summary>
    public const int WindowMax = 4_096;

    /// <summary>How long a message stays in the window, as far as the bounds allow.</summary>
    public static readonly TimeSpan Span = TimeSpan.FromSeconds(15);

    /// <summary>How far a client's clock may be ahead of the server's for its ids to be recognised as new by their time.</summary>
    public static readonly TimeSpan ClockSkewMax = TimeSpan.FromSeconds(5);

    public static readonly RecentMessages None =
        new(ImmutableDictionary<(UserId Sender, MessageId Message), AcceptedMessage>.Empty, [], DateTimeOffset.MinValue, Horizons.None);

    /// <summary>An id belongs to its sender: others may use the same one.</summary>
    public AcceptedMessage? Find(UserId sender, MessageId id) => ById.GetValueOrDefault((sender, id));

    /// <summary>Whether it holds every message of the conversation.</summary>
    public bool HasLeftNothing => Since == DateTimeOffset.MinValue;

    /// <summary>Whether it is sure to hold every message after a seq.</summary>
    public bool HasAllAfter(long seq) => HasLeftNothing || (!Window.IsEmpty && ById[Window.Peek()].Seq <= seq + 1);

    /// <summary>Whether the id can be none of a message that was accepted before the window.</summary>
    public bool ProvesNew(UserId sender, MessageId id)
    {
        if (HasLeftNothing)
            return true;
        return MadeAt(id) is { } made && made - ClockSkewMax > Since && made > Horizons.Of(sender);
    }

    /// <summary>Who wrote messages between two seqs; null when the window does not reach back so far.</summary>
    /// <param name="after">The seq before the first that counts.</param>
    /// <param name="upTo">The last one that counts.</param>
    public IReadOnlyCollection<UserId>? AuthorsBetween(long after, long upTo)
    {
        var authors = new HashSet<UserId>();
        var first = true;
        foreach (var key in Window)
        {
            var seq = ById[key].Seq;
            if (first && seq > after + 1 && !HasLeftNothing)
                return null;
            first = false;
            if (seq > upTo)
                break;
            if (seq > after)
                authors.Add(key.Sender);
        }

        return first && !HasLeftNothing ? null : authors;
    }

    public RecentMessages Add(AcceptedMessage message)
    {
        var added = this with { ById = ById.SetItem((message.Sender, message.MessageId), message), Window = Window.Enqueue((message.Sender, message.MessageId)) };
        if (MadeAt(message.MessageId) is { } made && made > message.SentAt + ClockSkewMax)
            added = added with { Horizons = Horizons.Raise(message.Sender, made) };
        while (added.MayDropOldest(message.SentAt))
            added = added.DropOldest();
        return added;
    }

    /// <summary>The time that a version-7 UUID was made at; null for every other version.</summary>
    public static DateTimeOffset? MadeAt(MessageId id)
    {
        if (id.Value.Version != 7)
            return null;
        Span<byte> bytes = stackalloc byte[16];
        id.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        var milliseconds = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(bytes) >> 16 & 0xffff_ffff_ffff;
        return milliseconds <= MillisecondsMax ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : DateTimeOffset.MaxValue;
    }

    private const long MillisecondsMax = 253_402_300_799_999;

    private bool MayDropOldest(DateTimeOffset now) =>
        ById.Count > WindowMax || (ById.Count > WindowMin && ById[Window.Peek()].SentAt < now - Span);

    private RecentMessages DropOldest()
    {
        var rest = Window.Dequeue(out var oldest);
        return this with { ById = ById.Remove(oldest), Window = rest, Since = ById[oldest].SentAt.AddMilliseconds(1) };
    }
}
