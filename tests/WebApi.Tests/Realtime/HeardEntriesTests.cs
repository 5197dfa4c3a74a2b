using ChatCqrs.Domain;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

public sealed class HeardEntriesTests
{
    private static readonly ConversationId Theirs = new(Guid.CreateVersion7());

    private readonly HeardEntries _heard = new();

    [Fact]
    public void Runs_that_meet_are_one()
    {
        _heard.Note(Theirs, 0, 0);
        _heard.Note(Theirs, 1, 2);
        _heard.Note(Theirs, 2, 2);

        Assert.True(_heard.Holds(Theirs, 0, 2));
        Assert.False(_heard.Holds(Theirs, 0, 3));
        Assert.False(_heard.Holds(new ConversationId(Guid.CreateVersion7()), 0, 0));
    }

    [Fact]
    public void An_entry_that_was_not_heard_is_not_held_although_later_ones_were()
    {
        _heard.Note(Theirs, 0, 3);
        _heard.Note(Theirs, 5, 5);

        Assert.False(_heard.Holds(Theirs, 3, 5));
        Assert.True(_heard.Holds(Theirs, 5, 5));
    }

    [Fact]
    public void Runs_meet_across_one_look_and_are_forgotten_after_two()
    {
        _heard.Note(Theirs, 0, 3);
        _heard.Turn();
        _heard.Note(Theirs, 4, 4);
        Assert.True(_heard.Holds(Theirs, 2, 4));

        _heard.Turn();
        Assert.True(_heard.Holds(Theirs, 2, 4));
        _heard.Turn();
        Assert.False(_heard.Holds(Theirs, 4, 4));
    }
}
