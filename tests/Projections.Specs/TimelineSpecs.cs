using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Projections.Timeline;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>Entries of the timeline, and messages in their current state.</summary>
public sealed class TimelineSpecs
{
    [Fact]
    public void Every_entry_has_its_kind_and_its_actor()
    {
        var entries = Entries(new Story().In(
            Group, Started(Ann, Ben), Sent(1, Ben), Added(Cat),
            at => new ConversationEvent.RoleChanged(Cat, Role.Admin, Ann) { At = at }, Removed(Ben),
            at => new ConversationEvent.GroupRenamed(Title) { At = at },
            at => new ConversationEvent.RetentionChanged(new RetentionPolicy(7, null), Ann) { At = at },
            Edited(1, 1, Ben, 2), Reacted(1, 1, Cat, "👍"), Reacted(1, 1, Cat, null), Voted(1, 1, Cat, 0),
            Voted(1, 1, Cat), Deleted(1, 1, Cat), Left(Cat)));

        Assert.Equal(
            [
                ("conversation_started", Ann), ("message", Ben), ("member_added", Ann), ("role_changed", Ann),
                ("member_removed", Ann), ("group_renamed", Ann), ("retention_changed", Ann), ("message_edited", Ben),
                ("reaction_set", Cat), ("reaction_cleared", Cat), ("vote_set", Cat), ("vote_cleared", Cat),
                ("message_deleted", Cat), ("member_left", Cat),
            ],
            entries.Select(entry => (entry.Kind, entry.Actor!.Value)));
        Assert.Equal(
            Enumerable.Range(0, 14).Select(seq => ((long)seq, At(seq))),
            entries.Select(entry => (entry.Seq, entry.At)));
        Assert.All(entries, entry => Assert.NotEqual(entry.Message is null, entry.Update is null));
    }

    [Fact]
    public void Receipts_and_accounts_are_no_entries() => Assert.Empty(Entries(
        new Story().Receipts(Group, at => new Domain.Receipts.ReceiptEvent.MessageRead(Ann, Phone, 1) { At = at })
            .Of(Ann, at => new Domain.Users.UserEvent.UserBlocked(Ann, Ben) { At = at })));

    [Fact]
    public void An_edit_changes_what_the_message_says_and_keeps_no_copy()
    {
        var story = new Story().In(Group, Started(Ann, Ben), Sent(1, Ann), Edited(1, 1, Ann, 2), Edited(1, 1, Ann, 3));

        Assert.Equal(At(3), Message(story, 1).EditedAt);
        Assert.Equal(Content(3).Bytes.ToArray(), Message(story, 1).Content!.Bytes.ToArray());
        Assert.All(
            Entries(story).Select(entry => entry.Update).OfType<ConversationEvent.MessageEdited>(),
            edit => Assert.True(edit.Content.Bytes.IsEmpty));
    }

    [Fact]
    public void A_deletion_takes_content_and_reactions_and_nothing_brings_them_back()
    {
        var message = Message(
            new Story().In(
                Group, Started(Ann, Ben), Sent(1, Ann), Reacted(1, 1, Ben, "👍"), Deleted(1, 1, Ann),
                Edited(1, 1, Ann, 2), Reacted(1, 1, Ben, "🎉")),
            1);

        Assert.Null(message.Content);
        Assert.Empty(message.Reactions);
        Assert.Equal((At(3), null), (message.DeletedAt, message.EditedAt));
    }

    [Fact]
    public void Everybody_has_one_reaction_to_a_message_and_it_stands_where_it_was_set_last()
    {
        var message = Message(
            new Story().In(
                Group, Started(Ann, Ben, Cat), Sent(1, Ann), Reacted(1, 1, Ben, "👍"), Reacted(1, 1, Cat, "👍"),
                Reacted(1, 1, Ann, "🎉"), Reacted(1, 1, Ben, "🎉"), Reacted(1, 1, Ann, null)),
            1);

        Assert.Equal([new Reaction(Cat.Value, "👍"), new Reaction(Ben.Value, "🎉")], message.Reactions.ToArray());
    }

    [Fact]
    public void Everybody_has_one_vote_in_a_poll_and_it_stands_where_it_was_set_last()
    {
        var message = Message(
            new Story().In(
                Group, Started(Ann, Ben, Cat), Sent(1, Ann), Voted(1, 1, Ben, 0), Voted(1, 1, Cat, 0, 1),
                Voted(1, 1, Ann, 1), Voted(1, 1, Ben, 1), Voted(1, 1, Ann)),
            1);

        Assert.Equal(
            [new CastVote(Cat.Value, Vote.Of([0, 1])), new CastVote(Ben.Value, Vote.Of([1]))],
            message.Votes.ToArray());
    }

    [Fact]
    public void A_deletion_takes_the_votes_and_nothing_brings_them_back()
    {
        var story = new Story().In(
            Group, Started(Ann, Ben), Sent(1, Ann), Voted(1, 1, Ben, 0), Deleted(1, 1, Ann), Voted(1, 1, Ben, 1));

        Assert.Empty(Message(story, 1).Votes);
    }

    [Fact]
    public void A_vote_in_a_poll_from_before_the_joining_is_shown_without_its_options()
    {
        var vote = Entries(new Story().In(Group, Started(Ann, Ben), Sent(1, Ann), Voted(1, 1, Ben, 0)))[2];

        Assert.Equal(Vote.Of([0]), Assert.IsType<ConversationEvent.VoteSet>(vote.SeenFrom(1).Update).Vote);
        Assert.Equal(Vote.None, Assert.IsType<ConversationEvent.VoteSet>(vote.SeenFrom(2).Update).Vote);
    }

    [Fact]
    public void Only_the_message_that_is_meant_changes()
    {
        var story = new Story().In(Group, Started(Ann, Ben), Sent(1, Ann), Sent(2, Ann), Deleted(2, 2, Ann));

        Assert.NotNull(Message(story, 1).Content);
        Assert.Null(Message(story, 2).Content);
    }

    [Fact]
    public void What_comes_after_a_message_went_changes_nothing()
    {
        var story = new Story().In(
            Group, Started(Ann, Ben), Sent(1, Ann), Edited(1, 1, Ann, 2), Reacted(1, 1, Ben, "👍"), Deleted(1, 1, Ann));
        var gone = TimelineProjection.Added(story.Facts[1])!.Message! with { Content = null, ExpiredAt = At(9) };

        Assert.All(story.Facts.Skip(2), fact => Assert.Equal(gone, TimelineProjection.Evolve(gone, fact)));
    }

    /// <summary>Applying every entry to a copy of the messages gives the same messages as reading them anew.</summary>
    [Property(MaxTest = 200)]
    public Property A_snapshot_and_what_follows_it_equal_a_later_snapshot() => Prop.ForAll(Histories, steps =>
    {
        var facts = Told(steps).Facts;
        for (var taken = 0; taken <= facts.Count; taken += 3)
        {
            var kept = Fold([], facts.Take(taken));
            Assert.Equivalent(Fold([], facts), Fold(kept, facts.Skip(taken)), strict: true);
        }
    });

    /// <summary>Counting unread messages by their numbers gives the same as counting one by one.</summary>
    [Property(MaxTest = 200)]
    public Property Unread_messages_are_those_beyond_the_mark_that_are_not_ones_own_and_not_deleted() => Prop.ForAll(
        Histories, steps =>
    {
        var facts = Told(steps).Facts;
        var counter = new MessageCounter(
            new Dictionary<ConversationId, long>(), new Dictionary<(ConversationId, UserId), long>());
        var rows = facts.Select(TimelineProjection.Added).OfType<TimelineEntry>()
            .Select(entry => (Entry: entry, Numbers: counter.Next(entry))).ToList();
        var messages = Fold([], facts);
        foreach (var user in new[] { Ann, Ben, Cat })
        {
            for (var seen = -1; seen < rows.Count; seen++)
            {
                var all = rows[^1].Numbers.InConversation - (seen < 0 ? 0 : rows[seen].Numbers.InConversation);
                var own = rows.Where(row => row.Entry.Message is not null && row.Entry.Actor == user).ToList();
                var ownAfter = (own.Count == 0 ? 0 : own[^1].Numbers.OfAuthor!.Value)
                    - (own.LastOrDefault(row => row.Entry.Seq <= seen).Numbers.OfAuthor ?? 0);
                var others = messages.Where(pair => pair.Key > seen && pair.Value.Sender != user)
                    .Select(pair => pair.Value).ToList();
                var deleted = others.Count(message => message.DeletedAt is not null);
                Assert.Equal(others.Count(message => message.DeletedAt is null), all - ownAfter - deleted);
            }
        }
    });

    private static Arbitrary<(int Kind, int Who, int Which)[]> Histories { get; } = (
        from kind in Gen.Choose(0, 8)
        from who in Gen.Choose(0, 2)
        from which in Gen.Choose(0, 9)
        select (kind, who, which)).ArrayOf().ToArbitrary();

    private static Story Told((int Kind, int Who, int Which)[] steps)
    {
        var story = new Story().In(Group, Started(Ann, Ben, Cat));
        var sent = new List<(int Message, long Seq, UserId Sender)>();
        foreach (var (kind, who, which) in steps)
        {
            var user = new[] { Ann, Ben, Cat }[who];
            var seq = story.Facts.Count;
            if (kind < 3 || sent.Count == 0)
            {
                sent.Add((seq, seq, user));
                story.In(Group, Sent(seq, user));
                continue;
            }

            var (message, messageSeq, sender) = sent[which % sent.Count];
            story.In(Group, kind switch
            {
                3 => Edited(message, messageSeq, sender, seq),
                4 => Deleted(message, messageSeq, sender),
                5 => Reacted(message, messageSeq, user, which % 2 == 0 ? "👍" : "🎉"),
                7 => Voted(message, messageSeq, user, which % 3),
                8 => Voted(message, messageSeq, user),
                _ => Reacted(message, messageSeq, user, null),
            });
        }

        return story;
    }

    private static IReadOnlyList<TimelineEntry> Entries(Story story) =>
        [.. story.Facts.Select(TimelineProjection.Added).OfType<TimelineEntry>()];

    private static TimelineMessage Message(Story story, long seq) => Fold([], story.Facts)[seq];

    private static Dictionary<long, TimelineMessage> Fold(
        Dictionary<long, TimelineMessage> messages, IEnumerable<Recorded> facts)
    {
        foreach (var fact in facts)
        {
            if (TimelineProjection.Added(fact) is { Message: { } message } added)
                messages[added.Seq] = message;
            if (TimelineProjection.ChangedBy(fact) is { } seq)
                messages[seq] = TimelineProjection.Evolve(messages[seq], fact);
        }

        return messages;
    }
}
