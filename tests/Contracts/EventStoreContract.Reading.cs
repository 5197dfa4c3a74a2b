using ChatCqrs.Application.Ports;
using ChatCqrs.Testing;
using FsCheck.Fluent;

namespace ChatCqrs.Contracts;

public abstract partial class EventStoreContract<TFixture>
{
    [SkippableFact]
    public async Task A_stream_is_read_from_any_revision_in_either_direction_up_to_a_limit()
    {
        const int Length = 40;
        var (stream, events) = (Some.Stream(), Some.Events(Length));
        for (var n = 0; n < Length; n += 8)
            await AppendedAsync(stream, n - 1, events[n..(n + 8)]);

        var cases = Gen.Choose(0, Length + 5).Zip(Gen.Choose(1, Length + 5)).Sample(60);
        foreach (var (from, limit) in cases)
        {
            var forwards = await ForwardsAsync(stream, from, limit);
            var backwards = await BackwardsAsync(stream, from, limit);

            Assert.Equal(events.Skip(from).Take(limit).Select(e => e.EventId), Ids(forwards));
            Assert.Equal(events.Take(from + 1).Reverse().Take(limit).Select(e => e.EventId), Ids(backwards));
        }
    }

    [SkippableFact]
    public async Task Backwards_the_greatest_revision_means_the_last()
    {
        var (stream, events) = (Some.Stream(), Some.Events(3));
        await AppendedAsync(stream, StreamAppend.NoStream, events);

        Assert.Equal(Ids(events.Reverse()), Ids(await BackwardsAsync(stream)));
        Assert.Equal(events[2].EventId, Assert.Single(await BackwardsAsync(stream, limit: 1)).EventId);
        Assert.Equal(Ids(events.Reverse()), Ids(await BackwardsAsync(stream, from: long.MaxValue - 1)));
        Assert.Empty(await ForwardsAsync(stream, from: long.MaxValue));
    }

    [SkippableFact]
    public async Task A_long_stream_is_read_in_one_go()
    {
        var (stream, events) = (Some.Stream(), Some.Events(1_500));
        for (var n = 0; n < events.Length; n += 500)
            await AppendedAsync(stream, n - 1, events[n..(n + 500)]);

        Assert.Equal(Ids(events), Ids(await ForwardsAsync(stream)));
        Assert.Equal(Ids(events.Reverse()), Ids(await BackwardsAsync(stream)));
    }

    [SkippableFact]
    public async Task Nothing_comes_from_a_stream_that_does_not_exist()
    {
        Assert.Empty(await ForwardsAsync(Some.Stream()));
        Assert.Empty(await ForwardsAsync(Some.Stream(), from: 7));
        Assert.Empty(await BackwardsAsync(Some.Stream()));
    }

    [SkippableFact]
    public async Task Reading_from_before_the_start_or_nothing_at_all_is_refused()
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ForwardsAsync(Some.Stream(), from: -1));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => BackwardsAsync(Some.Stream(), limit: 0));
    }

    [SkippableFact]
    public async Task A_page_is_bounded_in_events_and_in_bytes_and_none_is_missing_between_two()
    {
        var stream = Some.Stream();
        EventData[] events =
        [
            Some.EventOf(500_000), Some.EventOf(500_000), Some.EventOf(100_000), Some.EventOf(EventData.SizeMax),
            .. Some.Events(3),
        ];
        for (var n = 0; n < events.Length; n++)
            await AppendedAsync(stream, n - 1, events[n]);

        Assert.Equal([0L, 1, 2], Revisions(await Store.ReadPageAsync(stream, 0, 10, None))); // Reached by the third.
        Assert.Equal([3L, 4], Revisions(await Store.ReadPageAsync(stream, 3, 2, None)));
        var read = new List<StoredEvent>();
        while (await Store.ReadPageAsync(stream, read.Count, 10, None) is { Count: > 0 } page)
            read.AddRange(page);
        Assert.Equal(Ids(events), Ids(read));

        await Store.TruncateAsync(stream, before: 5, None);
        Assert.Equal([5L, 6], Revisions(await Store.ReadPageAsync(stream, 0, 10, None)));
        Assert.Empty(await Store.ReadPageAsync(Some.Stream(), 0, 10, None));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.ReadPageAsync(stream, -1, 10, None));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.ReadPageAsync(stream, 0, 0, None));
    }

    [SkippableFact]
    public async Task A_cancelled_read_ends() => await Assert.ThrowsAnyAsync<OperationCanceledException>(
        () => Store.ReadStreamAsync(
            Some.Stream(), 0, ReadDirection.Forwards, 1, new CancellationToken(canceled: true)));

    [SkippableFact]
    public async Task What_is_left_of_a_truncated_stream_keeps_its_numbers()
    {
        var (stream, events) = (Some.Stream(), Some.Events(10));
        await AppendedAsync(stream, StreamAppend.NoStream, events);

        await Store.TruncateAsync(stream, before: 6, None);

        Assert.Equal([6L, 7, 8, 9], Revisions(await ForwardsAsync(stream)));
        Assert.Equal([8L, 9], Revisions(await ForwardsAsync(stream, from: 8)));
        Assert.Equal([6L, 7], Revisions(await ForwardsAsync(stream, from: 2, limit: 2)));
        Assert.Equal([9L, 8, 7, 6], Revisions(await BackwardsAsync(stream)));
        Assert.Empty(await BackwardsAsync(stream, from: 5));
        Assert.Equal(Ids(events[6..]), Ids(await ForwardsAsync(stream)));
        Assert.Equal(new AppendOutcome.Conflict(9), await AppendAsync(stream, 3, Some.Event()));
        await AppendedAsync(stream, 9, Some.Event());
        Assert.Equal([6L, 7, 8, 9, 10], Revisions(await ForwardsAsync(stream)));
    }

    [SkippableTheory]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(long.MaxValue)]
    public async Task A_stream_can_be_truncated_to_nothing_and_goes_on_from_its_last_revision(long before)
    {
        var stream = Some.Stream();
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(5));

        await Store.TruncateAsync(stream, before, None);

        Assert.Empty(await ForwardsAsync(stream));
        Assert.Empty(await BackwardsAsync(stream));
        Assert.Equal(new AppendOutcome.Conflict(4), await AppendAsync(stream, StreamAppend.NoStream, Some.Event()));
        await AppendedAsync(stream, 4, Some.Event());
        Assert.Equal([5L], Revisions(await ForwardsAsync(stream)));
    }

    [SkippableFact]
    public async Task Truncating_again_never_brings_anything_back()
    {
        var stream = Some.Stream();
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(10));

        foreach (var before in new long[] { 4, 2, 0, 7, 7, 5 })
            await Store.TruncateAsync(stream, before, None);

        Assert.Equal([7L, 8, 9], Revisions(await ForwardsAsync(stream)));
    }

    [SkippableFact]
    public async Task Truncating_a_stream_that_does_not_exist_leaves_it_so()
    {
        var stream = Some.Stream();

        await Store.TruncateAsync(stream, before: 3, None);

        Assert.Empty(await ForwardsAsync(stream));
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(2));
        Assert.Equal([0L, 1], Revisions(await ForwardsAsync(stream)));
    }
}
