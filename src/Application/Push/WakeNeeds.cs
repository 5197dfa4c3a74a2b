using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Push;

/// <summary>Whether a user is to be woken, and what for.</summary>
internal sealed class WakeNeeds(IInbox inbox, ITimeline timeline, IPresence presence, INodeBusReceiver sockets, BlockLists blocks, TimeProvider clock)
{
    private const int PageSize = 200;

    /// <summary>The same for who is here: what has just been written to them is among the newest.</summary>
    private const int NewestSize = 10;

    /// <summary>How many conversations are looked at, newest first.</summary>
    private const int ConversationsMax = 1_000;

    /// <summary>How many of a conversation's messages are looked at for one that may disturb, newest first.</summary>
    private const int MessagesMax = 50;

    /// <param name="Unread">Messages that wait, in all of the user's conversations.</param>
    /// <param name="Conversation">The one with the newest message that no device of theirs has.</param>
    /// <param name="IsHere">They have a socket on some node, and are not to be woken as long as it is alive.</param>
    public sealed record Need(long Unread, ConversationId Conversation, bool IsHere);

    /// <param name="since">Only messages from then on are a reason to wake them: what came before was one already.</param>
    /// <returns>Null when nothing new waits for them.</returns>
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

    /// <summary>Whether they have a socket anywhere. When other nodes cannot be asked they are rather woken once too often.</summary>
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

    /// <summary>Whether a message of somebody who may disturb the user has reached none of the user's devices.</summary>
    private async ValueTask<bool> WakesAsync(InboxItem item, UserId user, DateTimeOffset since, CancellationToken cancellationToken)
    {
        if (item.Unread == 0 || item.LastMessage is not { } last || last.Seq <= item.DeliveredSeq || last.At < since || item.Settings.MutedUntil > clock.GetUtcNow())
            return false;
        if (await DisturbsAsync(last, user, cancellationToken))
            return true;
        foreach (var earlier in await timeline.MessagesAsync(item.Conversation.Id, item.DeliveredSeq + 1, null, null, MessagesMax, cancellationToken))
        {
            if (earlier.At >= since && await DisturbsAsync(earlier, user, cancellationToken))
                return true;
        }

        return false;
    }

    private async ValueTask<bool> DisturbsAsync(TimelineEntry message, UserId user, CancellationToken cancellationToken) =>
        message is { Actor: { } author, Message.DeletedAt: null } && author != user && !await blocks.HasBlockedAsync(user, author, cancellationToken);
}
