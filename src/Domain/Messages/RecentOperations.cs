using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>What was done to a message after it was sent.</summary>
/// <param name="Seq">The seq of the entry that records it.</param>
/// <param name="MessageSeq">The message's seq.</param>
public abstract record MessageOperation(long Seq, long MessageSeq)
{
    public sealed record Edited(long Seq, long MessageSeq, Fingerprint Fingerprint) : MessageOperation(Seq, MessageSeq);

    public sealed record Deleted(long Seq, long MessageSeq) : MessageOperation(Seq, MessageSeq);

    /// <param name="Emoji">Null when the reaction was taken back.</param>
    public sealed record Reacted(long Seq, long MessageSeq, UserId User, string? Emoji) : MessageOperation(Seq, MessageSeq);
}

/// <summary>
/// The last operations on messages of a conversation: what views may not show yet. Bounded, so facts from a view that is further behind are refused
/// and looked up again.
/// </summary>
/// <param name="Last">Oldest first.</param>
/// <param name="Since">Every operation after this seq is among them.</param>
public sealed record RecentOperations(ImmutableQueue<MessageOperation> Last, int Count, long Since)
{
    /// <summary>How many are kept.</summary>
    public const int Max = 256;

    public static readonly RecentOperations None = new([], 0, -1);

    public RecentOperations Add(MessageOperation operation)
    {
        if (Count < Max)
            return new RecentOperations(Last.Enqueue(operation), Count + 1, Since);
        var rest = Last.Dequeue(out var oldest);
        return new RecentOperations(rest.Enqueue(operation), Count, oldest.Seq);
    }

    /// <summary>What was done to a message after a view's last entry.</summary>
    /// <exception cref="RefusedException">The view is too far behind to tell: look again.</exception>
    public IEnumerable<MessageOperation> After(MessageFacts facts) => facts.AsOf >= Since
        ? Last.Where(operation => operation.MessageSeq == facts.Seq && operation.Seq > facts.AsOf)
        : throw new RefusedException(Refusal.MessageBusy);
}
