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
    public void Receipts_stay_as_they_are()
    {
        var state = Watermarks.Evolve(Watermarks.None, new ReceiptEvent.MessageRead(Ben, Phone, 3) { At = At(0) });
        state = Watermarks.Evolve(state, new ReceiptEvent.MessageDelivered(Ben, Laptop, 5) { At = At(1) });

        var loaded = ReceiptsSnapshot.Of(Group.ToString(), state, Given.Facts[^1]).ToState();

        Assert.Equivalent(state, loaded, strict: true);
    }
}
