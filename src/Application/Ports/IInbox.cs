using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Ports;

/// <summary>A user's conversations from the read models.</summary>
public interface IInbox
{
    /// <summary>A page, latest activity first.</summary>
    /// <param name="before">The last item of the previous page; null for the first page.</param>
    Task<InboxPage> PageAsync(UserId user, InboxPlace? before, PageSize size, CancellationToken cancellationToken);

    /// <summary>One of a user's conversations; null if the views do not have it (yet).</summary>
    Task<InboxItem?> OneAsync(UserId user, ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>
    /// The pairs in which the first user may watch the presence of the second, as far as common conversations decide: a
    /// direct one in which the second has written, or a group in which the second was not put by the first. One query.
    /// </summary>
    Task<IReadOnlySet<(UserId, UserId)>> WatchableAsync(
        IReadOnlyCollection<(UserId Watcher, UserId Watched)> pairs, CancellationToken cancellationToken);

    /// <summary>The ids of all conversations to which a user belongs.</summary>
    Task<IReadOnlyList<ConversationId>> ConversationsAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>The conversations to which some users belong; one query.</summary>
    /// <param name="limit">The most of each user; which ones is undefined.</param>
    Task<IReadOnlyList<(UserId User, ConversationId Conversation)>> ConversationsOfAsync(
        IReadOnlyCollection<UserId> users, int limit, CancellationToken cancellationToken);

    /// <summary>The ids of all conversations that a user left or was removed from.</summary>
    Task<IReadOnlyList<ConversationId>> FormerAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>
    /// A user's conversations, each with the last seq that a device has confirmed: first those with something that it
    /// has not, and of each kind the latest activity first.
    /// </summary>
    /// <param name="limit">The most conversations.</param>
    Task<IReadOnlyList<WaitingItem>> WaitingAsync(
        UserId user, DeviceId device, int limit, CancellationToken cancellationToken);

    /// <summary>One of them; null if the user is no member (yet).</summary>
    Task<WaitingItem?> WaitingInAsync(
        UserId user, DeviceId device, ConversationId conversation, CancellationToken cancellationToken);
}

/// <summary>A place in an inbox. Conversations with equal times are ordered by id.</summary>
/// <param name="AsOf">
/// The latest activity when the first page was read. All pages use the order of that moment, so later activity neither
/// hides nor repeats items.
/// </param>
public sealed record InboxPlace(DateTimeOffset UpdatedAt, ConversationId Conversation, DateTimeOffset AsOf);

/// <param name="LastMessage">The last message, sealed; null if none.</param>
/// <param name="Unread">The number of others' messages after the user's read watermark, without deleted ones.</param>
/// <param name="DeliveredSeq">-1 for none.</param>
/// <param name="ReadSeq">-1 for none.</param>
/// <param name="Settings">The user's settings of the conversation.</param>
/// <param name="Place">Its place in the order of its pages.</param>
/// <param name="MemberCount">How many members it has now, the user among them.</param>
/// <param name="Other">The other member of a direct conversation; null for a group.</param>
/// <summary>A conversation in a user's inbox.</summary>
public sealed record InboxItem(
    ConversationView Conversation, TimelineEntry? LastMessage, long Unread, long DeliveredSeq, long ReadSeq,
    ConversationSettings Settings, InboxPlace Place, int MemberCount, UserId? Other);

/// <param name="HasMore">Whether more items follow.</param>
/// <summary>A page of an inbox.</summary>
public sealed record InboxPage(IReadOnlyList<InboxItem> Items, bool HasMore);

/// <param name="JoinedSeq">The first entry that the user may see, a seq.</param>
/// <param name="DeliveredSeq">
/// The last seq that the device confirmed, or the one before <paramref name="JoinedSeq"/>.
/// </param>
/// <param name="LastSeq">The conversation's last entry, a seq.</param>
/// <summary>A conversation with the last seq that a device has confirmed.</summary>
public sealed record WaitingItem(ConversationId Conversation, long JoinedSeq, long DeliveredSeq, long LastSeq);
