using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Push;

/// <summary>Whether a user is to be woken, and what for.</summary>
internal sealed class WakeNeeds(IInbox inbox, IUserSockets sockets, BlockLists blocks, TimeProvider clock)
{
    private const int PageSize = 200;

    /// <summary>How many conversations are looked at, newest first.</summary>
    private const int ConversationsMax = 1_000;

    /// <param name="Unread">Messages that wait, in all of the user's conversations.</param>
    /// <param name="Conversation">The one with the newest message that no device of theirs has.</param>
    public sealed record Need(long Unread, ConversationId Conversation);

    /// <returns>Null when they are here, or nothing new waits for them.</returns>
    public async Task<Need?> OfAsync(UserId user, CancellationToken cancellationToken)
    {
        if (await sockets.HasAnyAsync(user, cancellationToken))
            return null;
        var (unread, seen) = (0L, 0);
        ConversationId? newest = null;
        InboxPlace? place = null;
        IReadOnlyList<InboxItem> page;
        do
        {
            page = await inbox.PageAsync(user, place, PageSize, cancellationToken);
            foreach (var item in page)
            {
                unread += item.Unread;
                if (newest is null && await WakesAsync(item, user, cancellationToken))
                    newest = item.Conversation.Id;
            }

            seen += page.Count;
            place = page.Count == PageSize ? page[^1].Place : null;
        }
        while (place is not null && seen < ConversationsMax);
        return newest is { } conversation ? new Need(unread, conversation) : null;
    }

    /// <summary>
    /// Whether its last message is that of somebody who may disturb the user, and has reached none of the user's devices.
    /// </summary>
    private async ValueTask<bool> WakesAsync(InboxItem item, UserId user, CancellationToken cancellationToken) =>
        item.Unread > 0 && item.LastMessage is { Actor: { } author } last && author != user && last.Seq > item.DeliveredSeq
        && !(item.Settings.MutedUntil > clock.GetUtcNow())
        && !await blocks.HasBlockedAsync(user, author, cancellationToken);
}
