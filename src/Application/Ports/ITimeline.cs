using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Ports;

/// <summary>Entries of conversations from the read models, sealed. Every query is one index scan.</summary>
public interface ITimeline
{
    /// <summary>Entries after a seq, ascending. Edits carry the message's current content.</summary>
    Task<IReadOnlyList<TimelineEntry>> EntriesAsync(
        ConversationId conversation, long after, PageSize size, CancellationToken cancellationToken);

    /// <summary>
    /// Messages between two seqs (both exclusive), ascending: the first ones after <paramref name="after"/>; with
    /// <paramref name="before"/> alone the last ones before it; with neither the newest ones.
    /// </summary>
    /// <param name="from">The first seq that the caller may see.</param>
    Task<MessagePage> MessagesAsync(
        ConversationId conversation, long from, long? after, long? before, PageSize size,
        CancellationToken cancellationToken);

    /// <summary>
    /// The seq of the first entry at or after a time; the one after the last entry if all are earlier. Times of entries
    /// never decrease, so it is looked up by halves: about 20 looks into an index for a million entries.
    /// </summary>
    /// <param name="from">The first seq that counts.</param>
    Task<long> SeqAtAsync(
        ConversationId conversation, long from, DateTimeOffset time, CancellationToken cancellationToken);

    /// <summary>Messages of one sender in a conversation after a seq, ascending.</summary>
    Task<IReadOnlyList<TimelineEntry>> WrittenAsync(
        ConversationId conversation, UserId by, long after, PageSize size, CancellationToken cancellationToken);

    /// <summary>
    /// One message that a member may see; null if there is none. If several members used the id, as earlier versions
    /// let them, the member's own comes first.
    /// </summary>
    Task<FoundMessage?> MessageAsync(
        ConversationId conversation, MessageId message, Member member, CancellationToken cancellationToken);

    /// <summary>A user's unread messages in all conversations: by conversation, oldest first.</summary>
    /// <param name="after">The last message of the previous page; null for the first page.</param>
    Task<MessagePage> UnreadAsync(UserId user, UnreadPlace? after, PageSize size, CancellationToken cancellationToken);
}

/// <summary>
/// The bounds of a page. A page ends with the entry that reaches the bound in bytes, and has at least one entry if
/// there is any. So a reader continues after the last entry until a page is empty.
/// </summary>
/// <param name="Entries">The most entries.</param>
/// <param name="Bytes">The bound in stored bytes: sealed contents, payloads of updates, reactions.</param>
public readonly record struct PageSize(int Entries, int Bytes = PageSize.BytesDefault)
{
    /// <summary>
    /// For lists without a cursor: large enough that only runs of very large messages make a page shorter than its
    /// limit.
    /// </summary>
    public const int BytesDefault = 8 * 1024 * 1024;

    /// <summary>For pages sent at the reader's pace, or followed by a cursor.</summary>
    public const int BytesSmall = 1024 * 1024;

    public static implicit operator PageSize(int entries) => new(entries);
}

/// <param name="HasMore">Whether more messages follow, in the direction of the page.</param>
/// <summary>A page of messages, ascending.</summary>
public sealed record MessagePage(IReadOnlyList<TimelineEntry> Messages, bool HasMore);

/// <param name="AsOf">The conversation's last entry in the view at that time, a seq.</param>
/// <summary>A message found in the timeline.</summary>
public sealed record FoundMessage(TimelineEntry Entry, long AsOf);

/// <summary>A place among unread messages.</summary>
public sealed record UnreadPlace(ConversationId Conversation, long Seq);
