using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;
using static ChatCqrs.Domain.Specs.Scene;

namespace ChatCqrs.Domain.Specs;

/// <summary>Operations on Ann's message 1, at seq 1 of a group. Ben is a member, Cat another admin.</summary>
public sealed class MessageOperationSpecs
{
    private static readonly ConversationEvent[] Before =
        [Group(Ann, Ben, Cat), Sent(1, Ann), Changed(Cat, Role.Admin, by: Ann)];
    private static readonly MessageFacts Facts = new(Id(1), 1, Ann, Now, IsDeleted: false, OwnReaction: null, AsOf: 2);
    private static readonly MessageEdited Edited = new(Id(1), 1, Ann, Content, new Fingerprint(9)) { At = Now };
    private static readonly MessageDeleted Deleted = new(Id(1), 1, Ann) { At = Now };

    private static readonly Vote Yes = Vote.Of([0]), Both = Vote.Of([0, 1]);

    [Fact]
    public void Its_sender_edits_it() => After().When(Edit(Ann)).Then(Edited);

    [Fact]
    public void Nobody_else_does()
    {
        After().When(Edit(Ben)).ThenRefused(Refusal.NotTheSender);
        After().When(Edit(Cat)).ThenRefused(Refusal.NotTheSender);
        After().When(Edit(Eve)).ThenRefused(Refusal.ConversationUnknown);
    }

    [Fact]
    public void A_message_is_editable_for_15_minutes()
    {
        After().When(Edit(Ann), Now + MessageRules.EditWindow).Then(Edited with { At = Now + MessageRules.EditWindow });
        After().When(Edit(Ann), Now + MessageRules.EditWindow + TimeSpan.FromMilliseconds(1))
            .ThenRefused(Refusal.EditTooLate);
    }

    [Fact]
    public void The_same_edit_again_changes_nothing_however_late()
    {
        After().When(Edit(Ann) with { Unchanged = true }, Now.AddDays(1)).ThenNothing();
        After(Edited).When(Edit(Ann), Now.AddDays(1)).ThenNothing();
        After(Edited).When(Edit(Ann) with { Fingerprint = new Fingerprint(8), Unchanged = true })
            .Then(Edited with { Fingerprint = new Fingerprint(8) });
    }

    [Fact]
    public void Its_sender_and_admins_delete_it()
    {
        After().When(Delete(Ann)).Then(Deleted);
        After().When(Delete(Cat)).Then(Deleted with { By = Cat });
        After().When(Delete(Ben)).ThenRefused(Refusal.NotTheSenderOrAdmin);
        After().When(Delete(Eve)).ThenRefused(Refusal.ConversationUnknown);
        Given(Started(Ann, Ben), Sent(1, Ann)).When(new DeleteMessage(Ben, Facts with { AsOf = 1 }))
            .ThenRefused(Refusal.NotTheSenderOrAdmin);
    }

    [Fact]
    public void A_deleted_message_stays_deleted()
    {
        foreach (var scene in new[] { After(Deleted), After() })
        {
            var facts = Facts with { IsDeleted = scene.State.LastSeq == 2 }; // Known to the view, or to the state only.
            scene.When(new DeleteMessage(Ann, facts)).ThenNothing();
            scene.When(Edit(Ann) with { Message = facts }).ThenRefused(Refusal.MessageGone);
            scene.When(new SetReaction(Ben, facts, "👍")).ThenRefused(Refusal.MessageGone);
            scene.When(new ClearReaction(Ben, facts)).ThenNothing();
            scene.When(new SetVote(Ben, facts, Yes)).ThenRefused(Refusal.MessageGone);
            scene.When(new ClearVote(Ben, facts)).ThenRefused(Refusal.MessageGone);
        }
    }

    [Fact]
    public void A_member_has_one_reaction()
    {
        After().When(new SetReaction(Ben, Facts, "👍")).Then(Set(Ben, "👍"));
        After(Set(Ben, "👍")).When(new SetReaction(Ben, Facts, "👍")).ThenNothing();
        After(Set(Ben, "👍")).When(new SetReaction(Ben, Facts, "👎")).Then(Set(Ben, "👎"));
        After(Set(Ben, "👍")).When(new SetReaction(Cat, Facts, "👍")).Then(Set(Cat, "👍"));
        After().When(new SetReaction(Ben, Facts with { OwnReaction = "👍" }, "👍")).ThenNothing();
    }

    [Fact]
    public void A_reaction_is_taken_back()
    {
        After(Set(Ben, "👍")).When(new ClearReaction(Ben, Facts)).Then(Cleared(Ben));
        After(Set(Ben, "👍"), Cleared(Ben)).When(new ClearReaction(Ben, Facts)).ThenNothing();
        After(Set(Ben, "👍"), Cleared(Ben)).When(new SetReaction(Ben, Facts, "👍")).Then(Set(Ben, "👍"));
        After().When(new ClearReaction(Ben, Facts with { OwnReaction = "👍" })).Then(Cleared(Ben));
    }

    [Fact]
    public void A_member_has_one_vote()
    {
        After().When(new SetVote(Ben, Facts, Yes)).Then(Voted(Ben, Yes));
        After(Voted(Ben, Yes)).When(new SetVote(Ben, Facts, Yes)).ThenNothing();
        After(Voted(Ben, Yes)).When(new SetVote(Ben, Facts, Both)).Then(Voted(Ben, Both));
        After(Voted(Ben, Yes)).When(new SetVote(Cat, Facts, Yes)).Then(Voted(Cat, Yes));
        After().When(new SetVote(Ben, Facts with { OwnVote = Yes }, Yes)).ThenNothing();
        After(Voted(Ben, Both)).When(new SetVote(Ben, Facts with { OwnVote = Yes }, Yes)).Then(Voted(Ben, Yes));
        After().When(new SetVote(Eve, Facts, Yes)).ThenRefused(Refusal.ConversationUnknown);
        After(Added(Dan, by: Ann)).When(new SetVote(Dan, Facts, Yes)).ThenRefused(Refusal.MessageUnknown);
    }

    [Fact]
    public void A_vote_is_taken_back()
    {
        After(Voted(Ben, Yes)).When(new ClearVote(Ben, Facts)).Then(VoteCleared(Ben));
        After(Voted(Ben, Yes), VoteCleared(Ben)).When(new ClearVote(Ben, Facts)).ThenNothing();
        After(Voted(Ben, Yes), VoteCleared(Ben)).When(new SetVote(Ben, Facts, Yes)).Then(Voted(Ben, Yes));
        After().When(new ClearVote(Ben, Facts with { OwnVote = Yes })).Then(VoteCleared(Ben));
        After().When(new ClearVote(Ben, Facts)).ThenNothing();
    }

    [Fact]
    public void A_vote_names_options_once_and_in_their_order()
    {
        Assert.Equal([0, 2, 31], Vote.Of([31, 2, 0, 2]).Options);
        Assert.Equal(Vote.Of([0, 2]), Vote.Of([2, 0]));
        Assert.True(Vote.None.IsEmpty && Vote.Of([]) == Vote.None);
        Assert.Throws<ArgumentOutOfRangeException>(() => Vote.Of([-1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Vote.Of([Vote.OptionsMax]));
    }

    [Fact]
    public void A_blocked_user_may_delete_but_not_edit_react_or_vote()
    {
        var facts = Facts with { AsOf = 1, IsBlocked = true };
        var scene = Given(Started(Ann, Ben), Sent(1, Ann));
        scene.When(Edit(Ann) with { Message = facts }).ThenRefused(Refusal.Blocked);
        scene.When(Edit(Ann) with { Message = facts, Unchanged = true }).ThenNothing();
        scene.When(new SetReaction(Ann, facts, "👍")).ThenRefused(Refusal.Blocked);
        scene.When(new SetReaction(Ann, facts with { OwnReaction = "👍" }, "👍")).ThenNothing();
        scene.When(new ClearReaction(Ann, facts with { OwnReaction = "👍" })).Then(Cleared(Ann));
        scene.When(new SetVote(Ann, facts, Yes)).ThenRefused(Refusal.Blocked);
        scene.When(new SetVote(Ann, facts with { OwnVote = Yes }, Yes)).ThenNothing();
        scene.When(new ClearVote(Ann, facts with { OwnVote = Yes })).Then(VoteCleared(Ann));
        scene.When(new DeleteMessage(Ann, facts)).Then(Deleted);
    }

    [Fact]
    public void A_message_from_before_the_joining_is_unknown()
    {
        var scene = After(Added(Dan, by: Ann));
        scene.When(new SetReaction(Dan, Facts, "👍")).ThenRefused(Refusal.MessageUnknown);
        After(Added(Dan, by: Ann), Changed(Dan, Role.Admin, by: Ann)).When(Delete(Dan))
            .ThenRefused(Refusal.MessageUnknown);
    }

    [Fact]
    public void Facts_that_are_too_old_are_looked_up_again()
    {
        var operations = Enumerable.Range(0, RecentOperations.Max + 1)
            .Select(number => Set(Ben, number % 2 == 0 ? "👍" : "👎")).ToArray();
        var scene = After(operations);

        scene.When(new SetReaction(Cat, Facts, "👍")).ThenRefused(Refusal.MessageBusy);
        scene.When(new SetReaction(Cat, Facts with { AsOf = 3 }, "👍")).Then(Set(Cat, "👍"));
        Assert.Equal(RecentOperations.Max, scene.State.Operations.Count);
    }

    private static Scene After(params ConversationEvent[] events) => Given([.. Before, .. events]);

    private static EditMessage Edit(UserId by) => new(by, Facts, Content, new Fingerprint(9), Unchanged: false);

    private static DeleteMessage Delete(UserId by) => new(by, Facts);

    private static ReactionSet Set(UserId user, string emoji) => new(Id(1), 1, user, emoji) { At = Now };

    private static ReactionCleared Cleared(UserId user) => new(Id(1), 1, user) { At = Now };

    private static VoteSet Voted(UserId user, Vote vote) => new(Id(1), 1, user, vote) { At = Now };

    private static VoteCleared VoteCleared(UserId user) => new(Id(1), 1, user) { At = Now };
}
