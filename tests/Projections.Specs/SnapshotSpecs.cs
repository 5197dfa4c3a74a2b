using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Projections.Snapshots;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>A state from a snapshot decides as the state folded from the first event does.</summary>
public sealed class SnapshotSpecs
{
    private static readonly Story Given = new Story().In(
        Group, Started(Ann, Ben), Sent(1, Ben), Added(Cat),
        at => new ConversationEvent.RoleChanged(Ben, Role.Admin, Ann) { At = at },
        at => new ConversationEvent.RetentionChanged(new RetentionPolicy(7, 3_600), Ann) { At = at },
        Reacted(1, 1, Ann, "👍"));

    [Fact]
    public void A_snapshot_holds_members_with_their_roles_title_and_retention()
    {
        var state = Given.Facts.Aggregate(
            Conversation.NotStarted, (before, fact) => Conversation.Evolve(before, (ConversationEvent)fact.Event));

        var loaded = ConversationSnapshot.Of(Group.ToString(), state, Given.Facts[^1]).ToState();

        Assert.Equal(
            (state.Kind, state.LastSeq, state.LastAt, state.Retention),
            (loaded.Kind, loaded.LastSeq, loaded.LastAt, loaded.Retention));
        Assert.Equal(state.MemberIds, loaded.MemberIds.AsEnumerable());
        Assert.Equal(state.Members.OrderBy(pair => pair.Key.Value), loaded.Members.OrderBy(pair => pair.Key.Value));
        Assert.Equal((state.Start, true), (loaded.Start, loaded.Start is null));
        Assert.Equal(state.Title!.By, loaded.Title!.By);
        Assert.Equal(state.Title.Content.Bytes.ToArray(), loaded.Title.Content.Bytes.ToArray());
    }

    [Fact]
    public void A_snapshot_claims_no_knowledge_of_earlier_messages()
    {
        var state = Given.Facts.Aggregate(
            Conversation.NotStarted, (before, fact) => Conversation.Evolve(before, (ConversationEvent)fact.Event));

        var loaded = ConversationSnapshot.Of(Group.ToString(), state, Given.Facts[^1]).ToState();

        Assert.False(loaded.Recent.ProvesNew(Ben, Id(1))); // It needs a look-up.
        var behind = new MessageFacts(Id(1), 1, Ben, At(1), IsDeleted: false, OwnReaction: null, AsOf: 4);
        Assert.Equal(
            Refusal.MessageBusy,
            Assert.Throws<RefusedException>(() => Conversation.Decide(
                loaded, new ConversationCommand.SetReaction(Ann, behind, "👍"), At(9))).Refusal);
    }

    [Fact]
    public void A_snapshot_keeps_the_horizons()
    {
        var state = Given.Facts.Aggregate(
            Conversation.NotStarted, (before, fact) => Conversation.Evolve(before, (ConversationEvent)fact.Event));
        var horizons = new Horizons(At(70), ImmutableDictionary.CreateRange([KeyValuePair.Create(Ben, At(90))]));

        var ahead = state with { Recent = state.Recent with { Horizons = horizons } };
        var loaded = ConversationSnapshot.Of(Group.ToString(), ahead, Given.Facts[^1]).ToState();

        Assert.Equal((At(70), At(90)), (loaded.Recent.Horizons.Of(Ann), loaded.Recent.Horizons.Of(Ben)));
    }

    [Fact]
    public void A_snapshot_keeps_the_ids_that_are_ahead_of_the_clock()
    {
        var (passed, ahead) = (Guid.CreateVersion7(At(-9)), Guid.CreateVersion7(At(9_000)));
        var state = StateWith(recent => recent with
        {
            Horizons = Horizons.None.Raise(Ben, At(9_000)),
            Ahead = new AheadIds([new MessageId(passed), new MessageId(ahead)], At(-10)),
        });

        var loaded = ConversationSnapshot.Of(Group.ToString(), state, Given.Facts[^1]).ToState().Recent;

        Assert.Equal([new MessageId(ahead)], loaded.Ahead.Ids);
        Assert.Equal(At(-10), loaded.Ahead.Horizon);
        Assert.False(loaded.ProvesNew(Ann, new MessageId(ahead)));
        Assert.True(loaded.ProvesNew(Ann, new MessageId(Guid.CreateVersion7(At(8_999)))));
    }

    [Fact]
    public void A_snapshot_of_a_version_that_kept_no_ids_proves_nothing_below_any_horizon()
    {
        var state = StateWith(recent => recent with { Horizons = Horizons.None.Raise(Ben, At(9_000)) });
        var earlier = ConversationSnapshot.Of(Group.ToString(), state, Given.Facts[^1]) with { Ahead = null };

        Assert.False(earlier.ToState().Recent.ProvesNew(Ann, new MessageId(Guid.CreateVersion7(At(8_999)))));
        Assert.True(earlier.ToState().Recent.ProvesNew(Ann, new MessageId(Guid.CreateVersion7(At(9_001)))));
    }

    private static Conversation StateWith(Func<RecentMessages, RecentMessages> change)
    {
        var state = Given.Facts.Aggregate(
            Conversation.NotStarted, (before, fact) => Conversation.Evolve(before, (ConversationEvent)fact.Event));
        return state with { Recent = change(state.Recent) };
    }

    [Fact]
    public void A_snapshot_keeps_how_a_group_was_started()
    {
        var start = new GroupStart(Ann, new Fingerprint(UInt128.MaxValue / 3));
        var state = StateWith(recent => recent) with { Start = start };

        Assert.Equal(start, ConversationSnapshot.Of(Group.ToString(), state, Given.Facts[^1]).ToState().Start);
    }

    [Fact]
    public void Receipts_stay_as_they_are()
    {
        var state = Watermarks.Evolve(Watermarks.None, new ReceiptEvent.MessageRead(Ben, Phone, 3) { At = At(0) });
        state = Watermarks.Evolve(state, new ReceiptEvent.MessageDelivered(Ben, Laptop, 5) { At = At(1) });

        var loaded = ReceiptsSnapshot.Of(Group.ToString(), state, Given.Facts[^1]).ToState();

        Assert.Equivalent(state, loaded, strict: true);
    }
}
