using ChatCqrs.Application.Writing;
using FsCheck.Xunit;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>The seqs that a node keeps of a conversation, and their transitions.</summary>
public sealed class ProgressSpecs
{
    /// <summary>Sockets were shown entries 5 to 9, and nothing else is known to be there.</summary>
    private static readonly Progress UpToNine = new(Known: 9, ShownFrom: 5, Noticed: 9, ShowFrom: Progress.None);

    [Fact]
    public void A_conversation_that_was_never_read_is_stale_once_an_entry_is_announced()
    {
        Assert.False(Progress.Start.IsStale);

        var noticed = Progress.Start.Notice(0, 0);

        Assert.True(noticed.IsStale);
        Assert.Equal(0, noticed.ShowFrom);
    }

    [Fact]
    public void An_announcement_of_shown_entries_changes_nothing() => Assert.Equal(UpToNine, UpToNine.Notice(5, 9));

    [Fact]
    public void An_announcement_beyond_the_known_entries_asks_for_a_read() =>
        Assert.Equal(UpToNine with { Noticed = 12 }, UpToNine.Notice(10, 12));

    [Fact]
    public void An_announcement_of_entries_that_were_read_without_being_shown_asks_to_show_them() =>
        Assert.Equal(UpToNine with { ShowFrom = 3 }, UpToNine.Notice(4, 4).Notice(3, 9));

    [Fact]
    public void An_append_with_an_unknown_outcome_asks_for_a_read_even_if_that_finds_nothing()
    {
        var doubted = UpToNine.Doubt();

        Assert.True(doubted.IsStale);
        Assert.Equal(UpToNine, doubted.BeginRead().EndRead(through: 9, shownFrom: 10));
    }

    [Fact]
    public void A_first_read_shows_nothing() => Assert.Equal(
        new Progress(Known: 9, ShownFrom: 10, Noticed: 9, ShowFrom: Progress.None),
        Progress.Start.BeginRead().EndRead(through: 9, shownFrom: 10));

    [Fact]
    public void A_read_that_begins_where_memory_ends_continues_the_shown_entries() => Assert.Equal(
        new Progress(Known: 12, ShownFrom: 5, Noticed: 12, ShowFrom: Progress.None),
        UpToNine.Notice(10, 12).BeginRead().EndRead(through: 12, shownFrom: 10));

    [Fact]
    public void A_read_with_a_gap_after_memory_forgets_that_entries_before_it_were_shown() => Assert.Equal(
        new Progress(Known: 900, ShownFrom: 389, Noticed: 900, ShowFrom: Progress.None),
        UpToNine.Notice(900, 900).BeginRead().EndRead(through: 900, shownFrom: 389));

    [Fact]
    public void Entries_announced_during_a_read_need_another_only_where_it_did_not_show_them()
    {
        var reading = UpToNine.Notice(10, 10).BeginRead();

        Assert.False(reading.Notice(11, 12).EndRead(through: 12, shownFrom: 10).IsStale);
        Assert.True(reading.Notice(13, 13).EndRead(through: 12, shownFrom: 10).IsStale);
        Assert.Equal(4, reading.Notice(4, 4).EndRead(through: 12, shownFrom: 10).ShowFrom);
    }

    [Fact]
    public void A_read_that_failed_leaves_its_question_open()
    {
        var asked = UpToNine.Notice(3, 12);

        Assert.Equal(asked, asked.BeginRead().FailRead(asked));
        Assert.Equal(asked.Notice(2, 14), asked.BeginRead().Notice(2, 14).FailRead(asked));
    }

    [Fact]
    public void Entries_that_this_node_appends_are_known_and_shown() =>
        Assert.Equal(UpToNine with { Known = 11, Noticed = 11 }, UpToNine.Commit(11));

    /// <summary>
    /// Any order of events, in which each read finds everything announced so far, ends with nothing left to read.
    /// </summary>
    [Property(MaxTest = 500)]
    public void After_a_read_of_everything_nothing_is_stale((byte Kind, byte First, byte Length)[] steps)
    {
        var (progress, last) = (Progress.Start, 0L);
        foreach (var (kind, first, length) in steps)
        {
            switch (kind % 3)
            {
                case 0:
                    last = Math.Max(last, first + length);
                    progress = progress.Notice(first, first + length);
                    break;
                case 1:
                    progress = progress.Doubt();
                    break;
                default:
                    var next = progress.Known == Progress.Unread ? last + 1 : progress.Known + 1;
                    var showFrom = Math.Min(progress.ShowFrom, next);
                    progress = progress.BeginRead().EndRead(last, showFrom);
                    Assert.False(progress.IsStale);
                    break;
            }

            Assert.True(progress.ShowFrom == Progress.None || progress.ShowFrom < progress.ShownFrom);
        }
    }
}
