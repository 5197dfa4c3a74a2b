using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts;

public abstract partial class EventStoreContract<TFixture>
{
    private const int ChangesMax = 10_000;

    [SkippableFact]
    public async Task Changes_name_each_stream_with_the_revisions_and_types_of_its_new_events()
    {
        var (a, b, old) = (Some.Stream(), StreamName.OfReceipts(new ConversationId(Guid.NewGuid())), Some.Stream());
        await AppendedAsync(old, StreamAppend.NoStream, Some.Events(2));
        await AppendedAsync(a, StreamAppend.NoStream, Some.Events(2));
        var head = await Store.HeadAsync(None);
        var (other, third) = (Some.Event() with { Type = "other.v1" }, Some.Event());
        await AppendedAsync(a, 1, other);
        await AppendedAsync(b, StreamAppend.NoStream, Some.Event());
        await AppendedAsync(a, 2, third);

        var changes = await Store.ChangesAsync(head, ChangesMax, None);

        var changed = changes.Streams.ToDictionary(stream => stream.Stream);
        Assert.Equal((2, 3), (changed[a].First, changed[a].Last));
        Assert.Equal(new[] { other.Type, third.Type }.Order(), changed[a].Types.Order());
        Assert.Equal((0, 0), (changed[b].First, changed[b].Last));
        Assert.DoesNotContain(old, changed.Keys);
        Assert.False(changes.IsFull);
    }

    [SkippableFact]
    public async Task Changes_of_every_kind_of_stream_are_named()
    {
        var (streams, head) = (OneOfEachKind(), await Store.HeadAsync(None));
        foreach (var stream in streams)
            await AppendedAsync(stream, StreamAppend.NoStream, Some.Event());

        var changes = await Store.ChangesAsync(head, ChangesMax, None);

        Assert.Empty(streams.Except(changes.Streams.Select(stream => stream.Stream)));
    }

    [SkippableFact]
    public async Task Without_new_events_there_are_no_changes_and_the_position_stays()
    {
        await AppendedAsync(Some.Stream(), StreamAppend.NoStream, Some.Events(2));
        var (changes, head) = await SettledAsync();

        Assert.Empty(changes.Streams);
        Assert.Equal((head, false), (changes.Through, changes.IsFull));

        async Task<(LogChanges, LogPosition)> SettledAsync()
        {
            while (true) // Other suites may append to the same log.
            {
                var before = await Store.HeadAsync(None);
                var read = await Store.ChangesAsync(before, ChangesMax, None);
                if (await Store.HeadAsync(None) == before)
                    return (read, before);
            }
        }
    }

    [SkippableFact]
    public async Task Pages_of_changes_continue_where_the_last_one_ended()
    {
        var (stream, head) = (Some.Stream(), await Store.HeadAsync(None));
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(5));
        await AppendedAsync(stream, 4, Some.Events(2));

        var (ranges, changes) = (new List<(long First, long Last)>(), new LogChanges([], head, IsFull: true));
        while (changes.IsFull)
        {
            changes = await Store.ChangesAsync(changes.Through, 3, None);
            ranges.AddRange(changes.Streams.Where(s => s.Stream == stream).Select(s => (s.First, s.Last)));
        }

        Assert.True(ranges.Count >= 3);
        Assert.Equal(
            Enumerable.Range(0, 7).Select(revision => (long)revision),
            ranges.SelectMany(range => Enumerable.Range((int)range.First, (int)(range.Last - range.First) + 1))
                .Select(revision => (long)revision));
        Assert.True(changes.Through >= (await ForwardsAsync(stream))[^1].Position);
    }

    [SkippableFact]
    public async Task Changes_can_be_asked_for_from_the_start_of_the_log()
    {
        await AppendedAsync(Some.Stream(), StreamAppend.NoStream, Some.Events(2));

        Assert.NotEmpty((await Store.ChangesAsync(LogPosition.Start, 1, None)).Streams);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.ChangesAsync(LogPosition.Start, 0, None));
    }
}
