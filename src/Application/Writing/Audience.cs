using System.Collections.Immutable;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Who may see which of the entries just committed: whoever belongs to the conversation after an entry, and whoever it takes out. Reckoned back from
/// the members at the end, so that it can be told of entries that another node wrote as well. Who joined after a message is not told what an edit makes of it.
/// </summary>
internal static class Audience
{
    /// <summary>Hands entries to live delivery, each to those who may see it.</summary>
    /// <param name="after">The conversation after the last entry.</param>
    /// <returns>Everyone who may see any of them.</returns>
    public static IReadOnlyCollection<UserId> Publish(ILiveDelivery live, IReadOnlyList<LiveEntry> entries, Conversation after)
    {
        if (!Divides(entries, after))
        {
            IReadOnlyCollection<UserId> members = after.MemberIds;
            live.Publish(entries, members);
            return members;
        }

        foreach (var (run, members) in Runs(entries, after.MemberIds))
        {
            if (run is [{ Entry.Event: ConversationEvent.MessageEdited edited } item])
                PublishEdit(live, item, edited, members, after);
            else
                live.Publish(run, members);
        }

        return [.. after.MemberIds.Concat(entries.Select(item => LeaverOf(item.Entry.Event)).OfType<UserId>()).Distinct()];
    }

    /// <summary>Of who has gone since it is not known from where on they saw: they are told no more than that there was an edit.</summary>
    private static void PublishEdit(
        ILiveDelivery live, LiveEntry edit, ConversationEvent.MessageEdited edited, IReadOnlyCollection<UserId> members, Conversation after)
    {
        var sees = members.ToLookup(user => after.Members.TryGetValue(user, out var member) && member.JoinedSeq <= edited.MessageSeq);
        var without = edited with { Content = TimelineProjection.ElsewhereContent };
        live.Publish([edit], [.. sees[true]]);
        live.Publish([edit with { Entry = edit.Entry with { Event = without }, IsGone = false }], [.. sees[false]]);
    }

    /// <summary>Entries that were read from the log, without what was deleted since.</summary>
    public static IReadOnlyList<LiveEntry> Shown(IReadOnlyList<Recorded> news)
    {
        var gone = news.Select(entry => (entry.Event as ConversationEvent.MessageDeleted)?.MessageSeq).OfType<long>().ToHashSet();
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
                case ConversationEvent.MessageEdited edited when after.Members.Values.Any(member => member.JoinedSeq > edited.MessageSeq):
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

    /// <summary>Cuts entries where the audience changes, in their order. Edits stand alone.</summary>
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
                case ConversationEvent.MessageEdited:
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
