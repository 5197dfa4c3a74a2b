using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Timeline;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Projections.Auditing;

/// <summary>Why a message has no content at a moment.</summary>
public enum GoneReason
{
    /// <summary>Its time was over, or everybody held it where the server keeps nothing after delivery.</summary>
    Expired,

    /// <summary>It was deleted for everyone.</summary>
    Deleted,
}

/// <summary>
/// A message as it stood at a moment. Unlike the timeline, which shows what is left, it is folded up to any entry, and
/// a message goes when its time is over and not when a sweep comes. Whichever comes first says why it has gone; what is
/// done to it afterwards changes nothing.
/// </summary>
/// <param name="ExpiresAt">When the content goes, as far as is known at the moment, UTC; null for never.</param>
public sealed record AuditedMessage(
    long Seq, DateTimeOffset At, UserId Sender, MessageId MessageId, MessageType Type, MessageId? ReplyTo,
    DateTimeOffset? ExpiresAt)
{
    /// <summary>
    /// The sealed content of the last edit, or of the message; null if it has gone or nobody asked for it.
    /// </summary>
    public SealedContent? Content { get; init; }

    /// <summary>The time of the entry that brought the content, UTC.</summary>
    public DateTimeOffset ContentAt { get; init; } = At;

    public DateTimeOffset? EditedAt { get; init; }
    public DateTimeOffset? DeletedAt { get; init; }

    /// <summary>Null while the content stands.</summary>
    public GoneReason? Gone { get; init; }

    /// <summary>In the order in which they were set; at most one per user.</summary>
    public ImmutableArray<Reaction> Reactions { get; init; } = [];

    /// <summary>In a poll, in the order in which they were set; at most one per user.</summary>
    public ImmutableArray<CastVote> Votes { get; init; } = [];

    /// <summary>The message when it was sent.</summary>
    public static AuditedMessage Of(long seq, MessageSent sent) =>
        new(seq, sent.At, sent.Sender, sent.MessageId, sent.Type, sent.ReplyTo, sent.ExpiresAt)
        {
            Content = sent.Content,
        };

    /// <summary>The message after a later entry of its conversation; others than its own change nothing.</summary>
    public AuditedMessage After(ConversationEvent entry)
    {
        var due = By(entry.At);
        return due.Gone is not null ? due : entry switch
        {
            RetentionChanged e => due.Shortened(e).By(e.At),
            MessageDeleted e when e.MessageSeq == Seq => due.Went(GoneReason.Deleted) with { DeletedAt = e.At },
            MessageEdited e when e.MessageSeq == Seq =>
                due with { Content = e.Content, ContentAt = e.At, EditedAt = e.At },
            ReactionSet e when e.MessageSeq == Seq =>
                due with { Reactions = [.. due.ReactionsWithout(e.User), new Reaction(e.User.Value, e.Emoji)] },
            ReactionCleared e when e.MessageSeq == Seq => due with { Reactions = [.. due.ReactionsWithout(e.User)] },
            VoteSet e when e.MessageSeq == Seq =>
                due with { Votes = [.. due.VotesWithout(e.User), new CastVote(e.User.Value, e.Vote)] },
            VoteCleared e when e.MessageSeq == Seq => due with { Votes = [.. due.VotesWithout(e.User)] },
            MessagesExpired e when e.Messages.Any(message => message.Seq == Seq) => due.Went(GoneReason.Expired),
            _ => due,
        };
    }

    /// <summary>The message at a time at which nothing more was done to it.</summary>
    public AuditedMessage By(DateTimeOffset time) =>
        Gone is null && ExpiresAt <= time ? Went(GoneReason.Expired) : this;

    /// <summary>The message once its content went.</summary>
    public AuditedMessage Went(GoneReason reason) => this with
    {
        Content = null,
        Gone = reason,
        Reactions = [],
        Votes = [],
    };

    /// <summary>Each shortening follows the one before: it shortens what that made of the time.</summary>
    private AuditedMessage Shortened(RetentionChanged change)
    {
        var until = ExpiresAt;
        foreach (var (from, to) in change.Shortened ?? [])
        {
            if (until <= At + from && until > At + to)
                until = At + to;
        }

        return until == ExpiresAt ? this : this with { ExpiresAt = until };
    }

    private IEnumerable<Reaction> ReactionsWithout(UserId user) =>
        Reactions.Where(reaction => reaction.User != user.Value);

    private IEnumerable<CastVote> VotesWithout(UserId user) => Votes.Where(vote => vote.User != user.Value);
}

/// <summary>A shorter time of earlier messages, at its entry.</summary>
/// <param name="Seq">The seq of the entry that changed the retention.</param>
public sealed record ShorteningEntry(long Seq, RetentionChanged Change);

/// <summary>The moment at which a message goes because its time is over.</summary>
/// <param name="At">UTC.</param>
/// <param name="FromSeq">
/// The first entry of that millisecond at which it has gone: the one that shortened its time; -1 for any.
/// </param>
public readonly record struct DueMoment(DateTimeOffset At, long FromSeq) : IComparable<DueMoment>
{
    /// <summary>When a message goes, whatever is done to it; null for never.</summary>
    /// <param name="message">The message when it was sent, or at some later entry.</param>
    /// <param name="later">The shortenings after that, in their order.</param>
    public static DueMoment? Of(AuditedMessage message, IEnumerable<ShorteningEntry> later)
    {
        foreach (var (seq, change) in later)
        {
            if (message.ExpiresAt <= change.At)
                break;
            message = message.After(change);
            if (message.Gone is not null)
                return new DueMoment(change.At, seq);
        }

        return message.ExpiresAt is { } at ? new DueMoment(at, -1) : null;
    }

    public static bool operator <(DueMoment left, DueMoment right) => left.CompareTo(right) < 0;
    public static bool operator >(DueMoment left, DueMoment right) => left.CompareTo(right) > 0;
    public static bool operator <=(DueMoment left, DueMoment right) => left.CompareTo(right) <= 0;
    public static bool operator >=(DueMoment left, DueMoment right) => left.CompareTo(right) >= 0;

    public int CompareTo(DueMoment other) =>
        At == other.At ? FromSeq.CompareTo(other.FromSeq) : At.CompareTo(other.At);
}
