using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Hands what is in the log to this node's sockets, and announces to other nodes what this one appended.
/// </summary>
internal sealed class Showing(ILiveDelivery live, INodeBus bus)
{
    /// <summary>Shows and announces entries that this node appended.</summary>
    /// <param name="position">A position at which all of them are in the log.</param>
    public void PublishCommitted(CachedConversation conversation, List<LiveEntry> entries, LogPosition position)
    {
        var stream = conversation.Stream!;
        var placed = entries.Select(item => item with { Entry = item.Entry with { Position = position } });
        var audience = Audience.Publish(live, [.. placed], stream.State);
        var named = audience.Count <= CommittedEntries.MembersMax ? audience : [];
        bus.Announce(new CommittedEntries(conversation.Id, entries[0].Entry.Revision, stream.Revision, named));
    }

    /// <summary>Shows entries that were read from the log.</summary>
    /// <param name="after">The conversation after the last of them.</param>
    public void PublishRead(IReadOnlyList<Recorded> news, Conversation after) =>
        Audience.Publish(live, Audience.Shown(news), after);

    /// <summary>
    /// Shows and announces the receipts that the receipts' stream holds; the others of <paramref name="raised"/> did
    /// not get there.
    /// </summary>
    /// <param name="state">The conversation as it is known.</param>
    public void PublishReceipts(CachedConversation conversation, Conversation state, IReadOnlyList<RaisedMark> raised)
    {
        foreach (var (request, before, at) in raised)
        {
            var after = conversation.Receipts!.State.Of(request.Command.User);
            if (after.Delivered <= before.Delivered && after.Read <= before.Read)
                continue;
            var receipt = Receipt(conversation.Id, state, request.Command, before, after, at);
            live.Publish(receipt);
            bus.Announce(receipt);
        }
    }

    private static LiveReceipt Receipt(
        ConversationId id, Conversation state, ReceiptCommand command, Watermark before, Watermark after,
        DateTimeOffset at)
    {
        var (from, upTo) = after.Read > before.Read
            ? (Math.Min(before.Read, before.Delivered), after.Read)
            : (before.Delivered, after.Delivered);
        if (state.Members.TryGetValue(command.User, out var member))
            from = Math.Max(from, member.JoinedSeq - 1);
        var authors = state.AuthorsBetween(from, upTo, except: command.User);
        return new LiveReceipt(
            id, command.User, command.Device, after.Delivered, after.Read, at, [.. authors]);
    }
}
