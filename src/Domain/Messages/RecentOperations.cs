using System.Collections.Immutable;

namespace ChatCqrs.Domain.Messages;

/// <summary>An edit, a deletion, a reaction or a vote.</summary>
/// <param name="Seq">The operation's own seq.</param>
/// <param name="MessageSeq">The message's seq.</param>
public abstract record MessageOperation(long Seq, long MessageSeq)
{
    public sealed record Edited(long Seq, long MessageSeq, Fingerprint Fingerprint) : MessageOperation(Seq, MessageSeq);

    public sealed record Deleted(long Seq, long MessageSeq) : MessageOperation(Seq, MessageSeq);

    /// <param name="Emoji">Null when the reaction was removed.</param>
    public sealed record Reacted(
        long Seq, long MessageSeq, UserId User, string? Emoji) : MessageOperation(Seq, MessageSeq);

    /// <param name="Vote">None when the vote was removed.</param>
    public sealed record Voted(
        long Seq, long MessageSeq, UserId User, Vote Vote) : MessageOperation(Seq, MessageSeq);
}

/// <summary>
/// The last operations on messages of a conversation, which views may not show yet. Bounded: facts from a view that
/// lags further are refused, and must be looked up again.
/// </summary>
/// <param name="Last">The operations, oldest first.</param>
/// <param name="Count">How many there are, at most <see cref="Max"/>.</param>
/// <param name="Since">Every operation after this seq is included.</param>
public sealed record RecentOperations(ImmutableQueue<MessageOperation> Last, int Count, long Since)
{
    /// <summary>The most operations kept.</summary>
    public const int Max = 256;

    public static readonly RecentOperations None = new([], 0, -1);

    public RecentOperations Add(MessageOperation operation)
    {
        if (Count < Max)
            return new RecentOperations(Last.Enqueue(operation), Count + 1, Since);
        var rest = Last.Dequeue(out var oldest);
        return new RecentOperations(rest.Enqueue(operation), Count, oldest.Seq);
    }

    /// <summary>The operations on a message after its view's last entry.</summary>
    /// <exception cref="RefusedException">The view lags too far behind: read it again.</exception>
    public IEnumerable<MessageOperation> After(MessageFacts facts) => facts.AsOf >= Since
        ? Last.Where(operation => operation.MessageSeq == facts.Seq && operation.Seq > facts.AsOf)
        : throw new RefusedException(Refusal.MessageBusy);
}
