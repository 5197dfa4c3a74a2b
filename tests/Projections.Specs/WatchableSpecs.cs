using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Presence;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>In which conversations a user's presence may be watched, and by whom not.</summary>
public sealed class WatchableSpecs
{
    [Fact]
    public void Whoever_starts_a_group_put_the_others_there()
    {
        var changes = Then(new Story().In(Group, Started(Ann, Ben, Cat)));

        Assert.Equal([Row(Ann, null), Row(Ben, Ann), Row(Cat, Ann)], changes.Come);
        Assert.Empty(changes.Gone);
    }

    [Fact]
    public void The_start_of_a_direct_conversation_makes_nobody_watchable_but_writing_does()
    {
        var changes = Then(new Story().In(Group, Direct(Ann, Ben), Sent(1, Ann), Sent(2, Ann)));

        Assert.Empty(changes.Come);
        Assert.Equal([Key(Ann)], changes.Written);
    }

    [Fact]
    public void Writing_in_a_group_does_not_undo_who_put_one_there()
    {
        var changes = Then(new Story().In(Group, Started(Ann, Ben), Sent(1, Ben)));

        Assert.Equal([Row(Ann, null), Row(Ben, Ann)], changes.Come);
        Assert.Empty(changes.Written);
    }

    [Fact]
    public void Whoever_left_is_gone_also_when_they_came_or_wrote_in_the_same_run()
    {
        var changes = Then(new Story().In(Group, Added(Ben), Sent(1, Cat), Left(Ben), Removed(Cat)));

        Assert.Empty(changes.Come);
        Assert.Empty(changes.Written);
        Assert.Equal([Key(Ben), Key(Cat)], changes.Gone);
    }

    [Fact]
    public void Whoever_comes_again_was_put_there_by_the_last_who_did()
    {
        var changes = Then(new Story().In(Group, Started(Ben, Cat), Left(Cat), Added(Cat)));

        Assert.Equal([Row(Ben, null), Row(Cat, Ann)], changes.Come);
        Assert.Empty(changes.Gone);
    }

    private static MemberKey Key(UserId user) => new(Group, user);

    private static Watchable Row(UserId user, UserId? by) => new(Key(user), by);

    private static Func<DateTimeOffset, ConversationEvent> Direct(UserId by, UserId other) =>
        at => new ConversationEvent.ConversationStarted(ConversationKind.Direct, by, [by, other]) { At = at };

    private static WatchableChanges Then(Story story)
    {
        var changes = new WatchableChanges();
        foreach (var fact in story.Facts)
            changes.Apply(fact);
        return changes;
    }
}
