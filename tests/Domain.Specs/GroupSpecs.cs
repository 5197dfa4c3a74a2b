using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;
using static ChatCqrs.Domain.Specs.Scene;

namespace ChatCqrs.Domain.Specs;

public sealed class GroupSpecs
{
    [Fact]
    public void Whoever_starts_a_group_is_its_admin()
    {
        var started = Given().When(new StartGroup(Ann, [Ben, Ann, Cat, Ben], Title, MembersMax));

        started.Then(Group(Ann, Ben, Cat));
        var state = Given([.. started.Events]).State;
        Assert.Equal([Role.Admin, Role.Member, Role.Member], state.MemberIds.Select(user => state.Members[user].Role));
        Assert.Equal(Title, state.Title);
    }

    [Fact]
    public void A_group_has_no_more_members_than_it_may_have()
    {
        Given().When(new StartGroup(Ann, [Ben, Cat, Dan, Eve], Title, MembersMax)).ThenRefused(Refusal.GroupFull);
        Given(Group(Ann, Ben, Cat)).When(new AddMembers(Ann, [Dan, Eve], MembersMax)).ThenRefused(Refusal.GroupFull);
        Given(Group(Ann, Ben, Cat)).When(new AddMembers(Ann, [Dan], MembersMax)).Then(Added(Dan, by: Ann));
        Given(Group(Ann, Ben, Cat, Dan)).When(new AddMembers(Ann, [Dan], MembersMax)).ThenNothing();
    }

    [Fact]
    public void Whom_one_has_blocked_puts_one_into_no_group()
    {
        Given().When(new StartGroup(Ann, [Ben], Title, MembersMax, IsBlocked: true)).ThenRefused(Refusal.Blocked);

        var blockers = new HashSet<UserId> { Ben };
        var scene = Given(Group(Ann, Cat));
        scene.When(new AddMembers(Ann, [Dan, Ben], MembersMax, blockers)).ThenRefused(Refusal.Blocked);
        scene.When(new AddMembers(Cat, [Ben], MembersMax, blockers)).ThenRefused(Refusal.NotAnAdmin);
        scene.When(new AddMembers(Ann, [Dan], MembersMax, blockers)).Then(Added(Dan, by: Ann));
        Given(Group(Ann, Ben), Left(Ben)).When(new AddMembers(Ann, [Ben], MembersMax, blockers))
            .ThenRefused(Refusal.Blocked);
    }

    [Fact]
    public void Who_is_in_a_group_with_somebody_blocked_stays_there() =>
        Given(Group(Ann, Ben)).When(new AddMembers(Ann, [Ben], MembersMax, new HashSet<UserId> { Ben })).ThenNothing();

    [Fact]
    public void The_same_start_again_finds_the_group()
    {
        var start = new StartGroup(Ann, [Ben], Title, MembersMax, Fingerprint: new Fingerprint(1));
        var started = Given().When(start);
        started.Then(Group(Ann, Ben) with { Fingerprint = new Fingerprint(1) });

        var scene = Given([.. started.Events, Added(Cat, by: Ann)]);
        scene.When(start).ThenNothing();
        scene.When(start with { IsBlocked = true, MembersMax = 1 }).ThenNothing(); // It was accepted before.
        scene.When(start with { Fingerprint = new Fingerprint(2) }).ThenRefused(Refusal.ConversationIdReused);
        scene.When(start with { By = Ben }).ThenRefused(Refusal.ConversationIdReused);
    }

    [Fact]
    public void Who_has_left_a_group_does_not_find_it_again_by_its_id()
    {
        var start = new StartGroup(Ann, [Ben], Title, MembersMax, Fingerprint: new Fingerprint(1));
        var scene = Given(Group(Ann, Ben) with { Fingerprint = new Fingerprint(1) }, Left(Ann));

        scene.When(start).ThenRefused(Refusal.ConversationUnknown);
        scene.When(start with { Fingerprint = new Fingerprint(2) }).ThenRefused(Refusal.ConversationIdReused);
    }

    [Fact]
    public void A_group_under_an_id_of_the_servers_is_found_by_no_other()
    {
        var start = new StartGroup(Ann, [Ben], Title, MembersMax, Fingerprint: new Fingerprint(1));
        Given(Group(Ann, Ben)).When(start).ThenRefused(Refusal.ConversationIdReused);
        Given(Started(Ann, Ben)).When(start).ThenRefused(Refusal.ConversationIdReused);
    }

    [Fact]
    public void Adding_twice_is_no_error() =>
        Given(Group(Ann, Ben)).When(new AddMembers(Ann, [Ben, Cat, Cat], MembersMax)).Then(Added(Cat, by: Ann));

    [Fact]
    public void Only_admins_change_a_group()
    {
        var scene = Given(Group(Ann, Ben, Cat));
        foreach (var command in ByAdmins(Ben))
            scene.When(command).ThenRefused(Refusal.NotAnAdmin);
        foreach (var command in ByAdmins(Eve))
            scene.When(command).ThenRefused(Refusal.ConversationUnknown);
        foreach (var command in ByAdmins(Ann))
            Given().When(command).ThenRefused(Refusal.ConversationUnknown);
    }

    [Fact]
    public void A_direct_conversation_stays_as_it_is()
    {
        var scene = Given(Started(Ann, Ben));
        var forGroups = ByAdmins(Ann).Where(command => command is not ChangeRetention);
        foreach (var command in forGroups.Append(new RemoveMember(Ann, Ann)))
            scene.When(command).ThenRefused(Refusal.NotAGroup);
    }

    [Fact]
    public void An_admin_takes_members_out()
    {
        Given(Group(Ann, Ben)).When(new RemoveMember(Ann, Ben)).Then(Removed(Ben, by: Ann));
        Given(Group(Ann, Ben)).When(new RemoveMember(Ann, Eve)).ThenRefused(Refusal.MemberUnknown);
    }

    [Fact]
    public void A_former_member_may_do_nothing_and_sees_only_later_entries_after_rejoining()
    {
        var gone = Given(Group(Ann, Ben), Sent(1, Ann), Removed(Ben, by: Ann));
        gone.When(Send(2, Ben)).ThenRefused(Refusal.ConversationUnknown);
        gone.When(new RemoveMember(Ben, Ben)).ThenRefused(Refusal.ConversationUnknown);

        var back = Given(Group(Ann, Ben), Sent(1, Ann), Removed(Ben, by: Ann), Added(Ben, by: Ann));
        Assert.Equal(3, back.State.Members[Ben].JoinedSeq);
        back.When(Send(2, Ben) with { ReplyTo = Id(1), ReplySeq = 1 }).ThenRefused(Refusal.MessageUnknown);
    }

    [Fact]
    public void A_member_leaves() => Given(Group(Ann, Ben)).When(new RemoveMember(Ben, Ben)).Then(Left(Ben));

    [Fact]
    public void When_the_last_admin_leaves_the_longest_standing_member_follows()
    {
        Given(Group(Ann, Cat, Ben)).When(new RemoveMember(Ann, Ann)).Then(Left(Ann), Changed(Cat, Role.Admin, by: Ann));
        Given(Group(Ann, Ben), Removed(Ben, by: Ann), Added(Cat, by: Ann), Added(Ben, by: Ann))
            .When(new RemoveMember(Ann, Ann)).Then(Left(Ann), Changed(Cat, Role.Admin, by: Ann));
    }

    [Fact]
    public void No_successor_is_named_while_another_admin_stays() =>
        Given(Group(Ann, Ben, Cat), Changed(Cat, Role.Admin, by: Ann)).When(new RemoveMember(Ann, Ann)).Then(Left(Ann));

    [Fact]
    public void The_last_one_of_all_may_leave() => Given(Group(Ann)).When(new RemoveMember(Ann, Ann)).Then(Left(Ann));

    [Fact]
    public void Roles_change_but_an_admin_remains()
    {
        Given(Group(Ann, Ben)).When(new ChangeRole(Ann, Ben, Role.Admin)).Then(Changed(Ben, Role.Admin, by: Ann));
        Given(Group(Ann, Ben)).When(new ChangeRole(Ann, Ben, Role.Member)).ThenNothing();
        Given(Group(Ann, Ben)).When(new ChangeRole(Ann, Ann, Role.Member)).ThenRefused(Refusal.LastAdmin);
        Given(Group(Ann, Ben)).When(new ChangeRole(Ann, Eve, Role.Admin)).ThenRefused(Refusal.MemberUnknown);
        Given(Group(Ann, Ben), Changed(Ben, Role.Admin, by: Ann)).When(new ChangeRole(Ben, Ann, Role.Member))
            .Then(Changed(Ann, Role.Member, by: Ben));
    }

    [Fact]
    public void A_group_is_renamed()
    {
        var other = new GroupTitle(new SealedContent(null, new byte[] { 9 }), Ann);
        Given(Group(Ann, Ben)).When(new RenameGroup(Ann, other)).Then(new GroupRenamed(other) { At = Now });
        Given(Group(Ann, Ben)).When(new RenameGroup(Ann, Title)).ThenNothing();
        Assert.Equal(other, Given(Group(Ann, Ben), new GroupRenamed(other) { At = Now }).State.Title);
    }

    [Fact]
    public void Group_admins_and_both_users_of_a_direct_conversation_may_change_retention()
    {
        var week = new RetentionPolicy(7, null);
        Given(Group(Ann, Ben)).When(new ChangeRetention(Ann, week, 7)).Then(Kept(Ann, days: 7));
        Given(Group(Ann, Ben), Kept(Ann, days: 7)).When(new ChangeRetention(Ann, week, 7)).ThenNothing();
        Given(Started(Ann, Ben)).When(new ChangeRetention(Ben, week, 7)).Then(Kept(Ben, days: 7));
        Given(Started(Ann, Ben)).When(new ChangeRetention(Ben, week, 7, IsBlocked: true)).ThenRefused(Refusal.Blocked);
        Given(Started(Ann, Ben), Kept(Ann, days: 7))
            .When(new ChangeRetention(Ben, week, 7, IsBlocked: true)).ThenNothing();
        Assert.Equal(week, Given(Started(Ann, Ben), Kept(Ben, days: 7)).State.Retention);
    }

    [Fact]
    public void Receipts_concern_exactly_the_authors_of_the_acknowledged_messages()
    {
        var state = Given(Group(Ann, Ben, Cat), Sent(1, Ann), Sent(2, Ben), Sent(3, Cat), Sent(4, Ann)).State;

        Assert.Equal([Ann, Ben], state.AuthorsBetween(-1, 2, except: Cat).Order(ById));
        Assert.Equal([Ben], state.AuthorsBetween(1, 3, except: Cat));
        Assert.Empty(state.AuthorsBetween(2, 3, except: Cat));
    }

    private static Comparer<UserId> ById { get; } =
        Comparer<UserId>.Create((one, other) => one.Value.CompareTo(other.Value));

    private static ConversationCommand[] ByAdmins(UserId by) =>
    [
        new AddMembers(by, [Dan], MembersMax), new RemoveMember(by, Cat), new ChangeRole(by, Cat, Role.Admin),
        new RenameGroup(by, Title), new ChangeRetention(by, new RetentionPolicy(7, null), 7),
    ];
}
