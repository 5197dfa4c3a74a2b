using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Inbox;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>The views behind an inbox: conversations, memberships and settings.</summary>
public sealed class InboxSpecs
{
    [Fact]
    public void A_conversation_knows_its_last_entry_and_its_last_message()
    {
        var view = new Story().In(Group, Started(Ann, Ben), Sent(1, Ann), Reacted(1, 1, Ben, "👍"))
            .Then<ConversationId, ConversationView, ConversationsProjection>()[Group];

        Assert.Equal(
            new ConversationView(
                Group, "group", LastSeq: 2, LastMessageSeq: 1, StartedAt: At(0), UpdatedAt: At(2), Title), view);
    }

    [Fact]
    public void Each_conversation_is_its_own()
    {
        var views = new Story().In(Group, Started(Ann, Ben)).In(Other, Started(Ben)).In(Group, Sent(1, Ann))
            .Then<ConversationId, ConversationView, ConversationsProjection>();

        Assert.Equal((1, 0), (views[Group]!.LastSeq, views[Other]!.LastSeq));
    }

    [Fact]
    public void A_group_has_its_latest_title()
    {
        var title = new GroupTitle(new SealedContent(null, new byte[] { 8 }), Ben);
        var view = new Story().In(Group, Started(Ann, Ben), at => new ConversationEvent.GroupRenamed(title) { At = at })
            .Then<ConversationId, ConversationView, ConversationsProjection>()[Group]!;

        Assert.Equal((title, 1L, At(1)), (view.Title, view.LastSeq, view.UpdatedAt));
    }

    [Fact]
    public void All_initial_members_join_at_the_first_entry()
    {
        var members = Members(new Story().In(Group, Started(Ann, Ben)));

        Assert.Equal([new Stay(0, null)], members[Ann].Stays);
        Assert.Equal([new Stay(0, null)], members[Ben].Stays);
    }

    [Fact]
    public void A_member_who_rejoins_sees_later_entries_and_was_a_recipient_before()
    {
        var story = new Story().In(
            Group, Started(Ann, Ben), Added(Cat), Sent(1, Ann), Removed(Cat), Sent(2, Ann), Added(Cat), Left(Cat));
        var cat = Members(story)[Cat];

        Assert.Equal([new Stay(1, 3), new Stay(5, 6)], cat.Stays);
        Assert.Equal((5L, 6L), (cat.JoinedSeq, cat.LeftSeq));
        Assert.Equal(
            [false, true, true, false, false, true, false],
            Enumerable.Range(0, 7).Select(seq => cat.Stays.Any(stay => stay.Covers(seq))));
    }

    [Fact]
    public void Members_who_left_or_were_removed_are_former_members()
    {
        var members = Members(new Story().In(Group, Started(Ann, Ben, Cat), Left(Ben), Removed(Cat)));

        Assert.Equal((null, 1L, 2L), (members[Ann].LeftSeq, members[Ben].LeftSeq, members[Cat].LeftSeq));
    }

    [Fact]
    public void Settings_are_each_users_own()
    {
        var pinned = new ConversationSettings(Pinned: true, Archived: false, MutedUntil: null);
        var views = new Story().In(Group, Started(Ann, Ben))
            .Of(Ann, at => new UserEvent.ConversationSettingsChanged(Ann, Group, pinned) { At = at })
            .Then<MemberKey, SettingsView, SettingsProjection>();

        Assert.Equal([new SettingsView(new(Group, Ann), pinned)], views.Values);
    }

    private static Dictionary<UserId, MemberView> Members(Story story) =>
        story.Then<MemberKey, MemberView, MembersProjection>()
        .ToDictionary(pair => pair.Key.User, pair => pair.Value!);
}
