using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Ports;

/// <summary>Conversations entry by entry, from the read models. Everything comes back sealed. Every query is one look into an index.</summary>
public interface ITimeline
{
    /// <summary>Entries after a seq, ascending. An edit comes with what its message says now.</summary>
    Task<IReadOnlyList<TimelineEntry>> EntriesAsync(ConversationId conversation, long after, PageSize size, CancellationToken cancellationToken);

    /// <summary>
    /// Messages between two seqs (both excluded), ascending: the first ones after <paramref name="after"/>, or, when only
    /// <paramref name="before"/> is given, the last ones before it; the newest ones when neither is.
    /// </summary>
    /// <param name="from">The first seq that the caller may see.</param>
    Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, long from, long? after, long? before, PageSize size, CancellationToken cancellationToken);

    /// <summary>Messages that a user has written in a conversation, after a seq, ascending.</summary>
    Task<IReadOnlyList<TimelineEntry>> WrittenAsync(ConversationId conversation, UserId by, long after, PageSize size, CancellationToken cancellationToken);

    /// <summary>
    /// One message that a member may see; null when there is none. Where several members have used the id, the member's own comes first.
    /// </summary>
    Task<FoundMessage?> MessageAsync(ConversationId conversation, MessageId message, Member member, CancellationToken cancellationToken);

    /// <summary>A user's unread messages of all conversations: by conversation, oldest first.</summary>
    /// <param name="after">The last message of the page before; null for the first page.</param>
    Task<UnreadPage> UnreadAsync(UserId user, UnreadPlace? after, PageSize size, CancellationToken cancellationToken);
}

/// <summary>
/// How large a page may be. It ends with the entry that brings it to the bytes, and has at least one where there is any: whoever pages goes on after the last
/// one until a page is empty.
/// </summary>
/// <param name="Entries">How many entries at most.</param>
/// <param name="Bytes">How many bytes of what is stored with them: sealed contents, payloads of updates, reactions.</param>
public readonly record struct PageSize(int Entries, int Bytes = PageSize.BytesDefault)
{
    /// <summary>What a list without a cursor shows at once: so much that none is shorter than its limit but where message after message is very large.</summary>
    public const int BytesDefault = 8 * 1024 * 1024;

    /// <summary>A page that is sent as slowly as its reader takes it, or that a cursor leads on from.</summary>
    public const int BytesSmall = 1024 * 1024;

    public static implicit operator PageSize(int entries) => new(entries);
}

/// <param name="HasMore">Whether others follow.</param>
public sealed record UnreadPage(IReadOnlyList<TimelineEntry> Messages, bool HasMore);

/// <param name="AsOf">The last entry of the conversation that the view had seen just then.</param>
public sealed record FoundMessage(TimelineEntry Entry, long AsOf);

/// <summary>A place among unread messages.</summary>
public sealed record UnreadPlace(ConversationId Conversation, long Seq);
