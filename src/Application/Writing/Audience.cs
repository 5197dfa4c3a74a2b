using System.Collections.Immutable;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Divides entries by who may see them: the members after an entry, and the member whom it removes. The members are
/// computed backwards from the last entry, which also serves entries of other nodes. A member who joined after a
/// message does not see the text of its edits, nor the votes in it.
/// </summary>
internal static class Audience
{
    /// <summary>Hands each entry to the sockets of the users who may see it.</summary>
    /// <param name="after">The conversation after the last entry.</param>
    /// <returns>The users who may see any of the entries.</returns>
    public static IReadOnlyCollection<UserId> Publish(
        ILiveDelivery live, IReadOnlyList<LiveEntry> entries, Conversation after)
    {
        if (!Divides(entries, after))
        {
            IReadOnlyCollection<UserId> members = after.MemberIds;
            live.Publish(entries, members);
            return members;
        }

        foreach (var (run, members) in Runs(entries, after.MemberIds))
        {
            if (run is [var item] && ToldOf(item) is { } messageSeq)
                PublishTold(live, item, messageSeq, members, after);
            else
                live.Publish(run, members);
        }

        var leavers = entries.Select(item => LeaverOf(item.Entry.Event)).OfType<UserId>();
        return [.. after.MemberIds.Concat(leavers).Distinct()];
    }

    /// <summary>
    /// Members who joined after the message are told of its edit or vote without what it says. So are members who left
    /// since: their <c>joined_seq</c> is not known any more.
    /// </summary>
    private static void PublishTold(
        ILiveDelivery live, LiveEntry update, long messageSeq, IReadOnlyCollection<UserId> members, Conversation after)
    {
        var sees = members.ToLookup(user =>
            after.Members.TryGetValue(user, out var member) && member.JoinedSeq <= messageSeq);
        var without = TimelineProjection.Untold((ConversationEvent)update.Entry.Event);
        live.Publish([update], [.. sees[true]]);
        live.Publish([update with { Entry = update.Entry with { Event = without }, IsGone = false }], [.. sees[false]]);
    }

    private static long? ToldOf(LiveEntry item) => TimelineProjection.ToldOf((ConversationEvent)item.Entry.Event);

    /// <summary>Entries that were read from the log; messages that were deleted since are marked as gone.</summary>
    public static IReadOnlyList<LiveEntry> Shown(IReadOnlyList<Recorded> news)
    {
        var gone = news.Select(entry => (entry.Event as ConversationEvent.MessageDeleted)?.MessageSeq)
            .OfType<long>().ToHashSet();
        return
        [
            .. news.Select(entry => new LiveEntry(entry, null, IsGone: entry.Event switch
            {
                ConversationEvent.MessageSent => gone.Contains(entry.Revision),
                ConversationEvent.MessageEdited e => gone.Contains(e.MessageSeq),
                _ => false,
            })),
        ];
    }

    private static bool Divides(IReadOnlyList<LiveEntry> entries, Conversation after)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            switch (entries[i].Entry.Event)
            {
                case ConversationEvent.MemberAdded or ConversationEvent.MemberRemoved or ConversationEvent.MemberLeft:
                case ConversationEvent when ToldOf(entries[i]) is { } messageSeq
                    && after.Members.Values.Any(member => member.JoinedSeq > messageSeq):
                    return true;
            }
        }

        return false;
    }

    private static UserId? LeaverOf(object @event) => @event switch
    {
        ConversationEvent.MemberRemoved e => e.User,
        ConversationEvent.MemberLeft e => e.User,
        _ => null,
    };

    /// <summary>
    /// Cuts the entries where the audience changes, and keeps their order. Each edit and vote is a run of its own.
    /// </summary>
    private static List<(IReadOnlyList<LiveEntry> Entries, IReadOnlyCollection<UserId> Members)> Runs(
        IReadOnlyList<LiveEntry> entries, ImmutableArray<UserId> after)
    {
        var runs = new List<(IReadOnlyList<LiveEntry>, IReadOnlyCollection<UserId>)>();
        var (members, end) = (after.ToImmutableHashSet(), entries.Count);
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            switch (entries[i].Entry.Event)
            {
                case ConversationEvent.MemberAdded e:
                    Cut(i);
                    members = members.Remove(e.User);
                    break;
                case ConversationEvent when ToldOf(entries[i]) is not null:
                    Cut(i + 1);
                    Cut(i);
                    break;
                case ConversationEvent e when LeaverOf(e) is { } leaver:
                    Cut(i + 1);
                    members = members.Add(leaver);
                    break;
            }
        }

        Cut(0);
        runs.Reverse();
        return runs;

        void Cut(int start)
        {
            if (start < end)
                runs.Add(([.. entries.Skip(start).Take(end - start)], members));
            end = start;
        }
    }
}
