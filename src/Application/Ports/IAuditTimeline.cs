using ChatCqrs.Domain;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// What the read models say about entries for audits: places, times and what changed what. Contents come from the log
/// (<see cref="IEventStore"/>): the views keep only the newest. The work of each query grows with its answer alone.
/// </summary>
public interface IAuditTimeline
{
    /// <summary>A conversation; null if there is none.</summary>
    Task<AuditedConversation?> FindAsync(ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations in the order of their ids. A page looks at a bounded number of conversations, so it may be shorter
    /// than the limit, or empty, although more follow.
    /// </summary>
    /// <param name="user">Somebody who is or was a member; null for any.</param>
    /// <param name="from">Leaves out those whose last activity was before it; null for none.</param>
    /// <param name="to">Leaves out those that were started after it; null for none.</param>
    /// <param name="after">The last conversation that was looked at; null to begin.</param>
    Task<AuditedConversations> ListAsync(
        UserId? user, DateTimeOffset? from, DateTimeOffset? to, ConversationId? after, int limit,
        CancellationToken cancellationToken);

    /// <summary>The last entry at or before a time, a seq; -1 if all are later.</summary>
    /// <param name="lastSeq">The conversation's last entry.</param>
    Task<long> LastSeqAtAsync(
        ConversationId conversation, DateTimeOffset time, long lastSeq, CancellationToken cancellationToken);

    /// <summary>The place of one entry; null if there is none.</summary>
    Task<TimelineEntry?> EntryAsync(ConversationId conversation, long seq, CancellationToken cancellationToken);

    /// <summary>
    /// Places of messages between two seqs, both inclusive, gone ones among them. No contents and no reactions.
    /// </summary>
    Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, long from, long to, bool newestFirst, int limit,
        CancellationToken cancellationToken);

    /// <summary>Places of some messages, in any order; those that there are not are left out.</summary>
    Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, IReadOnlyCollection<long> seqs, CancellationToken cancellationToken);

    /// <summary>
    /// Entries that changed some messages, or the conversation (<see cref="TimelineProjection.TheConversation"/>), in
    /// their order. Edits come without content.
    /// </summary>
    /// <param name="targets">See <see cref="TimelineProjection.TargetOf"/>.</param>
    /// <param name="upTo">The last entry that counts, a seq.</param>
    Task<IReadOnlyList<TimelineEntry>> ChangesAsync(
        ConversationId conversation, IReadOnlyCollection<long> targets, long upTo, CancellationToken cancellationToken);

    /// <summary>
    /// Messages that expired by entries after a seq which have the same time as it. Their rows tell the time alone.
    /// </summary>
    Task<IReadOnlySet<long>> ExpiredAfterAsync(
        ConversationId conversation, long seq, DateTimeOffset time, CancellationToken cancellationToken);

    /// <summary>
    /// When entries up to a seq let some messages go; those that they do not name are left out. For messages whose rows
    /// do not tell.
    /// </summary>
    Task<IReadOnlyDictionary<long, DateTimeOffset>> ExpiredByAsync(
        ConversationId conversation, IReadOnlyCollection<long> seqs, long upTo, CancellationToken cancellationToken);

    /// <summary>Everybody who is or was a member.</summary>
    Task<IReadOnlyList<FormerOrPresent>> UsersAsync(ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>
    /// The highest kept receipts up to a seq and before a time. Those of messages that have gone are not kept, nor are
    /// those of erased users.
    /// </summary>
    Task<IReadOnlyDictionary<UserId, KeptMarks>> MarksAsync(
        ConversationId conversation, IReadOnlyCollection<UserId> users, long upToSeq, DateTimeOffset before,
        CancellationToken cancellationToken);
}

/// <summary>A conversation, as an audit begins with it.</summary>
/// <param name="Kind"><c>direct</c> or <c>group</c>.</param>
/// <param name="LastAt">Time of the last entry that somebody caused, UTC.</param>
/// <param name="LastSeq">The last entry that the views have.</param>
/// <param name="Entries">Where the log of entries begins.</param>
/// <param name="Receipts">Where the log of receipts begins.</param>
/// <param name="HasGone">Whether messages have expired, so that receipts of theirs may not be kept.</param>
public sealed record AuditedConversation(
    ConversationId Id, string Kind, DateTimeOffset StartedAt, DateTimeOffset LastAt, long LastSeq, LogStart Entries,
    LogStart Receipts, bool HasGone);

/// <summary>Where the log of a stream begins.</summary>
/// <param name="Revision">The first revision that was not truncated.</param>
/// <param name="Hash">The hash that it is linked to; null for an untruncated stream.</param>
public readonly record struct LogStart(long Revision, ReadOnlyMemory<byte>? Hash);

/// <summary>A page of conversations.</summary>
/// <param name="Last">The last one that was looked at; null at the end.</param>
public sealed record AuditedConversations(IReadOnlyList<ListedConversation> Found, ConversationId? Last);

/// <summary>A conversation in a list.</summary>
/// <param name="Members">The ids of all who ever were members.</param>
public sealed record ListedConversation(
    ConversationId Id, string Kind, DateTimeOffset StartedAt, DateTimeOffset LastAt, long LastSeq,
    IReadOnlyList<UserId> Members);

/// <summary>Somebody who is or was a member.</summary>
/// <param name="IsErased">Whether the account was erased; nothing is kept of their receipts.</param>
public sealed record FormerOrPresent(UserId User, bool IsErased);

/// <summary>Seqs of receipts; null where none is kept.</summary>
public readonly record struct KeptMarks(long? Delivered, long? Read);
