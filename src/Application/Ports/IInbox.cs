using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Ports;

/// <summary>The conversations of a user, from the read models.</summary>
public interface IInbox
{
    /// <summary>A page, newest activity first.</summary>
    /// <param name="before">The last item of the page before; null for the first page.</param>
    Task<InboxPage> PageAsync(UserId user, InboxPlace? before, PageSize size, CancellationToken cancellationToken);

    /// <summary>One conversation of a user; null when the views do not have it (yet).</summary>
    Task<InboxItem?> OneAsync(UserId user, ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>Which of these pairs of users have a conversation in common, in one round trip.</summary>
    Task<IReadOnlySet<(UserId, UserId)>> SharingAsync(IReadOnlyCollection<(UserId One, UserId Other)> pairs, CancellationToken cancellationToken);

    /// <summary>Conversations of these users in which anything was recorded since a moment, by the clocks of those who recorded it.</summary>
    Task<IReadOnlyList<ChangedItem>> ChangedAsync(IReadOnlyCollection<UserId> users, DateTimeOffset since, int limit, CancellationToken cancellationToken);

    /// <summary>The ids of all conversations that a user belongs to.</summary>
    Task<IReadOnlyList<ConversationId>> ConversationsAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>The ids of all conversations that a user has left, or was removed from.</summary>
    Task<IReadOnlyList<ConversationId>> FormerAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>All conversations of a user, and how far each is confirmed by a device.</summary>
    Task<IReadOnlyList<WaitingItem>> WaitingAsync(UserId user, DeviceId device, CancellationToken cancellationToken);
}

/// <summary>A place in an inbox. Conversations of the same time are ordered by their ids.</summary>
/// <param name="AsOf">
/// The newest activity when the first page was read. All its pages go by the order of that moment: what moves up meanwhile is neither missed nor shown twice.
/// </param>
public sealed record InboxPlace(DateTimeOffset UpdatedAt, ConversationId Conversation, DateTimeOffset AsOf);

/// <param name="LastMessage">The last message, sealed; null before the first.</param>
/// <param name="Unread">Messages of others after the user's read watermark, without deleted ones.</param>
/// <param name="DeliveredSeq">-1 for none.</param>
/// <param name="ReadSeq">-1 for none.</param>
/// <param name="Settings">How the user keeps the conversation.</param>
/// <param name="Place">Where it stands in the order of the pages that it belongs to.</param>
public sealed record InboxItem(
    ConversationView Conversation, TimelineEntry? LastMessage, long Unread, long DeliveredSeq, long ReadSeq, ConversationSettings Settings,
    InboxPlace Place);

/// <param name="HasMore">Whether others follow.</param>
public sealed record InboxPage(IReadOnlyList<InboxItem> Items, bool HasMore);

/// <param name="JoinedSeq">The first entry that the user sees.</param>
/// <param name="DeliveredSeq">The last seq that the device has confirmed, or the one before the user's joining.</param>
public sealed record WaitingItem(ConversationId Conversation, long JoinedSeq, long DeliveredSeq, long LastSeq);

/// <param name="LastSeq">The conversation's last entry.</param>
public sealed record ChangedItem(UserId User, ConversationId Conversation, long LastSeq);
