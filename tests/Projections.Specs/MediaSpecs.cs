using ChatCqrs.Domain;
using ChatCqrs.Projections.Media;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>References of messages to files.</summary>
public sealed class MediaSpecs
{
    private static readonly FileId One = new(new Guid("00000000-0000-7000-8000-00000000f001"));
    private static readonly FileId Two = new(new Guid("00000000-0000-7000-8000-00000000f002"));

    [Fact]
    public void A_message_refers_to_each_of_its_files_once()
    {
        var changes = Then(new Story().In(Group, Started(Ann, Ben), Sent(1, Ann, One, Two, One), Sent(2, Ann)));

        Assert.Equal(
            [new MediaReference(One, Group, 1, Id(1), At(1)), new MediaReference(Two, Group, 1, Id(1), At(1))],
            changes.Added);
    }

    [Fact]
    public void A_deleted_message_refers_to_nothing_also_when_it_was_sent_in_the_same_run()
    {
        var changes = Then(
            new Story().In(Group, Started(Ann, Ben), Sent(1, Ann, One), Sent(2, Ann, Two), Deleted(1, 1, Ann)));

        Assert.Equal([Two], changes.Added.Select(row => row.File));
        Assert.Equal([(Group, 1L)], changes.Deleted);
    }

    private static MediaReferenceChanges Then(Story story)
    {
        var changes = new MediaReferenceChanges();
        foreach (var fact in story.Facts)
            changes.Apply(fact);
        return changes;
    }
}
