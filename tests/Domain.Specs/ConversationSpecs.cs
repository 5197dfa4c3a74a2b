using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Specs.Scene;

namespace ChatCqrs.Domain.Specs;

public sealed class ConversationSpecs
{
    [Fact]
    public void The_first_start_starts_it() =>
        Given().When(new StartDirect(Ann, Ben)).Then(Started(Ann, Ben));

    [Fact]
    public void A_second_start_changes_nothing() =>
        Given(Started(Ann, Ben)).When(new StartDirect(Ben, Ann)).ThenNothing();

    [Fact]
    public void Nobody_has_a_direct_conversation_with_themselves() =>
        Given().When(new StartDirect(Ann, Ann)).ThenRefused(Refusal.DirectWithOneself);

    [Fact]
    public void A_first_message_to_a_user_starts_the_conversation() =>
        Given().When(Send(1, Ann, startWith: Ben)).Then(Started(Ann, Ben), Sent(1, Ann));

    [Fact]
    public void A_message_to_a_conversation_that_does_not_exist_is_refused() =>
        Given().When(Send(1, Ann)).ThenRefused(Refusal.ConversationUnknown);

    [Fact]
    public void A_member_may_write() =>
        Given(Started(Ann, Ben)).When(Send(1, Ben)).Then(Sent(1, Ben));

    [Fact]
    public void A_stranger_learns_nothing() =>
        Given(Started(Ann, Ben)).When(Send(1, Eve, startWith: Ben)).ThenRefused(Refusal.ConversationUnknown);

    [Fact]
    public void A_retry_is_no_error_and_stores_nothing() =>
        Given(Started(Ann, Ben), Sent(1, Ann)).When(Send(1, Ann)).ThenNothing();

    [Fact]
    public void A_retry_of_what_an_earlier_version_stored_is_no_error()
    {
        var again = Send(1, Ann, content: 9);
        Given(Started(Ann, Ben), Sent(1, Ann)).When(again with { FormerFingerprint = new Fingerprint(1) })
            .ThenNothing();
        Given(Started(Ann, Ben), Sent(1, Ann)).When(again with { FormerFingerprint = new Fingerprint(2) })
            .ThenRefused(Refusal.MessageIdReused);
    }

    [Fact]
    public void Another_message_under_the_same_id_is_refused() =>
        Given(Started(Ann, Ben), Sent(1, Ann)).When(Send(1, Ann, content: 9)).ThenRefused(Refusal.MessageIdReused);

    [Fact]
    public void An_id_names_one_message_of_a_conversation()
    {
        Given(Started(Ann, Ben), Sent(1, Ann)).When(Send(1, Ben)).ThenRefused(Refusal.MessageIdReused);
        Given(Group(Ann, Ben, Cat), Sent(1, Ann)).When(Send(1, Cat)).ThenRefused(Refusal.MessageIdReused);
    }

    [Fact]
    public void Where_two_senders_used_an_id_before_both_retries_are_answered()
    {
        var both = Given(Group(Ann, Ben, Cat), Sent(1, Ann), Sent(1, Ben));

        both.When(Send(1, Ann)).ThenNothing();
        both.When(Send(1, Ben)).ThenNothing();
        both.When(Send(1, Cat)).ThenRefused(Refusal.MessageIdReused);
        Assert.Equal([1L, 2], new[] { Ann, Ben }.Select(user => both.State.Recent.Find(user, Id(1))!.Seq));
    }

    [Fact]
    public void A_blocked_user_starts_no_conversation()
    {
        Given().When(new StartDirect(Ann, Ben, IsBlocked: true)).ThenRefused(Refusal.Blocked);
        Given().When(Send(1, Ann, startWith: Ben) with { IsBlocked = true }).ThenRefused(Refusal.Blocked);
    }

    [Fact]
    public void A_conversation_that_exists_is_found_by_a_blocked_user_too() =>
        Given(Started(Ann, Ben)).When(new StartDirect(Ann, Ben, IsBlocked: true)).ThenNothing();

    [Fact]
    public void A_blocked_users_messages_are_refused() =>
        Given(Started(Ann, Ben)).When(Send(1, Ann) with { IsBlocked = true }).ThenRefused(Refusal.Blocked);

    [Fact]
    public void A_retry_of_a_message_accepted_before_a_block_succeeds() =>
        Given(Started(Ann, Ben), Sent(1, Ann)).When(Send(1, Ann) with { IsBlocked = true }).ThenNothing();

    [Fact]
    public void An_erased_user_gets_no_new_message_and_a_retry_succeeds()
    {
        Given(Started(Ann, Ben)).When(Send(1, Ann) with { IsGone = true }).ThenRefused(Refusal.UserUnknown);
        Given(Started(Ann, Ben), Sent(1, Ann)).When(Send(1, Ann) with { IsGone = true }).ThenNothing();
        Given(Group(Ann, Ben)).When(Send(1, Ann) with { IsGone = true }).Then(Sent(1, Ann));
    }

    [Fact]
    public void A_stranger_does_not_learn_of_a_block() =>
        Given(Started(Ann, Ben)).When(Send(1, Eve) with { IsBlocked = true }).ThenRefused(Refusal.ConversationUnknown);

    [Fact]
    public void Time_never_runs_backwards_in_a_conversation()
    {
        var state = Given(Started(Ann, Ben)).State;

        var decided = Conversation.Decide(state, Send(1, Ann), Now.AddHours(-1));

        Assert.Equal(Now, Assert.Single(decided).At);
    }

    [Fact]
    public void The_seq_of_an_entry_is_its_place()
    {
        var state = Given(Started(Ann, Ben), Sent(1, Ann), Sent(2, Ben)).State;

        Assert.Equal(2, state.LastSeq);
        Assert.Equal(1, state.Recent.Find(Ann, Id(1))!.Seq);
        Assert.Equal(2, state.Recent.Find(Ben, Id(2))!.Seq);
    }

    [Fact]
    public void Authors_are_those_who_wrote_after_a_seq()
    {
        var state = Given(Started(Ann, Ben), Sent(1, Ann), Sent(2, Ben)).State;

        Assert.Equal([Ann], state.AuthorsBetween(0, 2, except: Ben));
        Assert.Empty(state.AuthorsBetween(1, 2, except: Ben));
    }

    [Fact]
    public void A_reply_is_to_a_message_that_its_sender_sees() =>
        Given(Started(Ann, Ben), Sent(1, Ann)).When(Send(2, Ben) with { ReplyTo = Id(1), ReplySeq = 1 })
            .Then(Sent(2, Ben) with { ReplyTo = Id(1) });

    [Fact]
    public void A_reply_to_nothing_is_refused()
    {
        Given(Started(Ann, Ben)).When(Send(2, Ben) with { ReplyTo = Id(1) }).ThenRefused(Refusal.MessageUnknown);
        Given().When(Send(2, Ben, startWith: Ann) with { ReplyTo = Id(1) }).ThenRefused(Refusal.MessageUnknown);
    }

    [Fact]
    public void Both_users_derive_the_same_conversation()
    {
        var id = DirectConversation.IdOf(Ann, Ben);

        Assert.Equal(id, DirectConversation.IdOf(Ben, Ann));
        Assert.NotEqual(id, DirectConversation.IdOf(Ann, Eve));
        Assert.Equal(8, id.Value.Version);
    }
}
