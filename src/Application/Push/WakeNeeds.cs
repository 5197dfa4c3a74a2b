using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Push;

/// <summary>Decides whether a user needs to be woken, and by which conversation.</summary>
internal sealed class WakeNeeds(
    IInbox inbox, ITimeline timeline, IPresence presence, INodeBusReceiver sockets, BlockLists blocks,
    TimeProvider clock)
{
    private const int PageSize = 200;

    /// <summary>The page size for users with a socket: a message that just arrived is among the latest.</summary>
    private const int NewestSize = 10;

    /// <summary>The most conversations examined, latest first.</summary>
    private const int ConversationsMax = 1_000;

    /// <summary>The most messages of a conversation examined, latest first.</summary>
    private const int MessagesMax = 50;

    /// <param name="Unread">The number of unread messages in all of the user's conversations.</param>
    /// <param name="Conversation">The conversation with the latest message that none of their devices holds.</param>
    /// <param name="IsHere">Whether they have a socket on some node: then they are not woken while it is alive.</param>
    public sealed record Need(long Unread, ConversationId Conversation, bool IsHere);

    /// <param name="since">Messages recorded before this time, UTC, do not wake: they had a wake-up already.</param>
    /// <returns>Null if nothing new waits for them.</returns>
    public async Task<Need?> OfAsync(UserId user, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var isHere = await IsHereAsync(user, cancellationToken);
        var size = isHere ? NewestSize : PageSize;
        var (unread, seen) = (0L, 0);
        ConversationId? newest = null;
        InboxPlace? place = null;
        InboxPage page;
        do
        {
            page = await inbox.PageAsync(user, place, size, cancellationToken);
            foreach (var item in page.Items)
            {
                unread += item.Unread;
                if (newest is null && await WakesAsync(item, user, since, cancellationToken))
                    newest = item.Conversation.Id;
            }

            seen += page.Items.Count;
            place = page.HasMore && !isHere ? page.Items[^1].Place : null;
        }
        while (place is not null && seen < ConversationsMax);
        return newest is { } conversation ? new Need(unread, conversation, isHere) : null;
    }

    /// <summary>
    /// Whether they have a socket on any node. If other nodes cannot be asked, false: a superfluous wake-up beats a
    /// missing one.
    /// </summary>
    private async Task<bool> IsHereAsync(UserId user, CancellationToken cancellationToken)
    {
        if (sockets.HasSocket(user))
            return true;
        try
        {
            return (await presence.OfAsync([user], cancellationToken))[user].Online;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    /// <summary>Whether none of the user's devices holds a message from a sender who may wake the user.</summary>
    private async ValueTask<bool> WakesAsync(
        InboxItem item, UserId user, DateTimeOffset since, CancellationToken cancellationToken)
    {
        if (item.Unread == 0 || item.LastMessage is not { } last || last.Seq <= item.DeliveredSeq || last.At < since)
            return false;
        if (item.Settings.Archived || item.Settings.MutedUntil > clock.GetUtcNow())
            return false;
        if (await DisturbsAsync(last, user, cancellationToken))
            return true;
        var undelivered = await timeline.MessagesAsync(
            item.Conversation.Id, item.DeliveredSeq + 1, null, null, MessagesMax, cancellationToken);
        foreach (var earlier in undelivered.Messages)
        {
            if (earlier.At >= since && await DisturbsAsync(earlier, user, cancellationToken))
                return true;
        }

        return false;
    }

    private async ValueTask<bool> DisturbsAsync(
        TimelineEntry message, UserId user, CancellationToken cancellationToken) =>
        message is { Actor: { } author, Message.DeletedAt: null } && author != user
        && !await blocks.HasBlockedAsync(user, author, cancellationToken);
}
