using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Ports;

/// <summary>Conversations entry by entry, from the read models. Everything comes back sealed. Every query is one look into an index.</summary>
public interface ITimeline
{
    /// <summary>Entries after a seq, ascending. An edit comes with what its message says now.</summary>
    Task<IReadOnlyList<TimelineEntry>> EntriesAsync(ConversationId conversation, long after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Messages between two seqs (both excluded), ascending: the first ones after <paramref name="after"/>, or, when only
    /// <paramref name="before"/> is given, the last ones before it; the newest ones when neither is.
    /// </summary>
    /// <param name="from">The first seq that the caller may see.</param>
    Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, long from, long? after, long? before, int limit, CancellationToken cancellationToken);

    /// <summary>Messages that a user has written in a conversation, after a seq, ascending.</summary>
    Task<IReadOnlyList<TimelineEntry>> WrittenAsync(ConversationId conversation, UserId by, long after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// One message that a member may see; null when there is none. Where several members have used the id, the member's own comes first.
    /// </summary>
    Task<FoundMessage?> MessageAsync(ConversationId conversation, MessageId message, Member member, CancellationToken cancellationToken);

    /// <summary>A user's unread messages of all conversations: by conversation, oldest first.</summary>
    /// <param name="after">The last message of the page before; null for the first page.</param>
    Task<IReadOnlyList<TimelineEntry>> UnreadAsync(UserId user, UnreadPlace? after, int limit, CancellationToken cancellationToken);
}

/// <param name="AsOf">The last entry of the conversation that the view had seen just then.</param>
public sealed record FoundMessage(TimelineEntry Entry, long AsOf);

/// <summary>A place among unread messages.</summary>
public sealed record UnreadPlace(ConversationId Conversation, long Seq);
