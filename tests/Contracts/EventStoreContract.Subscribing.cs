using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts;

public abstract partial class EventStoreContract<TFixture>
{
    [SkippableFact]
    public async Task What_was_appended_comes_in_log_order_with_everything_that_was_stored()
    {
        var (a, b) = (Some.Stream(), StreamName.OfReceipts(new ConversationId(Guid.NewGuid())));
        var head = await Store.HeadAsync(None);
        await AppendedAsync(a, StreamAppend.NoStream, Some.Events(3));
        await AppendedAsync(b, StreamAppend.NoStream, Some.Events(2));
        await AppendedAsync(a, 2, Some.Event());

        var all = await TakeAsync(head, 6, [a, b]);

        Assert.Equal([(a, 0L), (a, 1), (a, 2), (b, 0), (b, 1), (a, 3)], all.Select(e => (e.Stream, e.Revision)));
        var read = (await ForwardsAsync(a)).Concat(await ForwardsAsync(b)).OrderBy(e => e.Position);
        Assert.Equal(read.Select(Whole), all.Select(Whole));

        static string Whole(StoredEvent e) =>
            $"{e.Stream} {e.Revision} {e.Position} {e.EventId} {e.Type} "
            + $"{Convert.ToHexString(e.Payload.Span)} {Convert.ToHexString(e.Metadata.Span)}";
    }

    [SkippableFact]
    public async Task Events_of_every_kind_of_stream_come()
    {
        var (streams, head) = (OneOfEachKind(), await Store.HeadAsync(None));
        foreach (var stream in streams)
            await AppendedAsync(stream, StreamAppend.NoStream, Some.Event());

        var all = await TakeAsync(head, streams.Length, streams);

        Assert.Equal(streams, all.Select(stored => stored.Stream));
    }

    [SkippableFact]
    public async Task The_log_can_be_followed_from_any_earlier_position()
    {
        var (stream, head) = (Some.Stream(), await Store.HeadAsync(None));
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(3));
        for (var revision = 2; revision < 6; revision++)
            await AppendedAsync(stream, revision, Some.Event());
        var all = await TakeAsync(head, 7, [stream]);

        for (var seen = 0; seen < 6; seen++)
            Assert.Equal(Ids(all.Skip(seen + 1)), Ids(await TakeAsync(all[seen].Position, 6 - seen, [stream])));
        Assert.Equal(Ids(all), Ids(await TakeAsync(LogPosition.Start, 7, [stream])));
    }

    [SkippableFact]
    public async Task More_large_events_than_memory_is_given_to_come_all_the_same()
    {
        var (stream, head) = (Some.Stream(), await Store.HeadAsync(None));
        for (var revision = 0; revision < 24; revision++)
            await AppendedAsync(stream, revision - 1, Some.EventOf(1_000_000));

        var all = await TakeAsync(head, 24, [stream]);

        Assert.Equal(Enumerable.Range(0, 24).Select(revision => (long)revision), all.Select(e => e.Revision));
        Assert.All(all, e => Assert.Equal(1_000_000, e.Size));
    }

    [SkippableFact]
    public async Task The_position_of_an_append_covers_all_of_its_events()
    {
        var (stream, later) = (Some.Stream(), Some.Stream());
        var position = await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(5));

        Assert.True((await ForwardsAsync(stream))[^1].Position <= position);
        await AppendedAsync(later, StreamAppend.NoStream, Some.Events(2));
        var taken = await TakeAsync(position, 2, [stream, later]);
        Assert.Equal([(later, 0L), (later, 1)], taken.Select(e => (e.Stream, e.Revision)));
    }

    [SkippableFact]
    public async Task First_comes_what_is_there_and_then_what_is_appended()
    {
        var (stream, head) = (Some.Stream(), await Store.HeadAsync(None));
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(50));
        var following = new Following(Store, head, [stream]);

        await following.SeesAsync(50);
        for (var n = 0; n < 20; n++)
        {
            await AppendedAsync(stream, 49 + n, Some.Event());
            await following.SeesAsync(51 + n);
        }

        await following.EndAsync();
        Assert.Equal(Enumerable.Range(0, 70).Select(n => (long)n), Revisions(following.Seen));
    }

    [SkippableFact]
    public async Task Many_write_at_once_and_each_event_comes_once_in_one_order_to_everybody()
    {
        const int Writers = 12;
        const int Rounds = 40;
        string[] streams = [.. Enumerable.Range(0, Writers).Select(_ => Some.Stream())];
        var head = await Store.HeadAsync(None);
        var early = new Following(Store, head, streams);

        var writing = streams.Select((stream, n) => Task.Run(async () =>
        {
            for (var round = 0; round < Rounds; round++)
                await AppendedAsync(stream, (2 * round) - 1, Some.Events(2));
        }));
        var written = Task.WhenAll(writing);
        await early.SeesAsync(Rounds);
        var late = new Following(Store, head, streams);
        await written;
        await early.SeesAsync(Writers * Rounds * 2);
        await late.SeesAsync(Writers * Rounds * 2);
        await early.EndAsync();
        await late.EndAsync();

        Assert.Equal(Ids(early.Seen), Ids(late.Seen));
        Assert.Equal(early.Seen.Count, early.Seen.DistinctBy(e => e.Position).Count());
        Assert.Equal(early.Seen.OrderBy(e => e.Position), early.Seen);
        foreach (var stream in streams)
        {
            Assert.Equal(
                Enumerable.Range(0, 2 * Rounds).Select(n => (long)n),
                Revisions(early.Seen.Where(e => e.Stream == stream)));
        }
    }

    [SkippableFact]
    public async Task Following_again_from_the_last_position_seen_loses_nothing_and_repeats_nothing()
    {
        string[] streams = [Some.Stream(), Some.Stream()];
        var position = await Store.HeadAsync(None);
        var seen = new List<StoredEvent>();
        var writing = Task.Run(async () =>
        {
            for (var revision = StreamAppend.NoStream; revision < 149; revision++)
            {
                await AppendedAsync(streams[0], revision, Some.Event());
                await AppendedAsync(streams[1], revision, Some.Event());
            }
        });

        for (var take = 1; seen.Count < 300; take = (take * 3 % 40) + 1)
        {
            var taken = await TakeAsync(position, Math.Min(take, 300 - seen.Count), streams);
            seen.AddRange(taken);
            position = taken[^1].Position;
        }

        await writing;
        Assert.All(streams, stream => Assert.Equal(
            Enumerable.Range(0, 150).Select(n => (long)n), Revisions(seen.Where(e => e.Stream == stream))));
    }

    [SkippableFact]
    public async Task The_head_is_the_position_of_the_last_event()
    {
        var stream = Some.Stream();
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(2));
        var last = (await ForwardsAsync(stream))[^1].Position;

        Assert.Equal(last, await Store.HeadAsync(None));
        await AppendedAsync(stream, 1, Some.Event());
        Assert.True(await Store.HeadAsync(None) > last);
    }

    [SkippableFact]
    public async Task What_is_left_of_a_truncated_stream_still_comes_once()
    {
        var (stream, head) = (Some.Stream(), await Store.HeadAsync(None));
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(10));
        await Store.TruncateAsync(stream, before: 8, None);
        await AppendedAsync(stream, 9, Some.Event());

        var following = new Following(Store, head, [stream]);
        await Eventually.IsTrue(() => following.Seen.Any(e => e.Revision == 10), "the last event arrives");
        await following.EndAsync();

        Assert.Equal([8L, 9, 10], Revisions(following.Seen.Where(e => e.Revision >= 8)));
    }

    [SkippableFact]
    public async Task A_subscription_ends_when_it_is_cancelled_and_the_store_goes_on()
    {
        var stream = Some.Stream();
        var following = new Following(Store, await Store.HeadAsync(None), [stream]);
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Event());
        await following.SeesAsync(1);

        await following.EndAsync();

        await AppendedAsync(stream, 0, Some.Event());
        Assert.Single(following.Seen);
    }

    [SkippableFact]
    public async Task A_subscription_that_is_cancelled_before_it_starts_gives_nothing() =>
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            var cancelled = new CancellationToken(canceled: true);
            await foreach (var batch in Store.SubscribeAllAsync(LogPosition.Start, cancelled))
                Assert.Fail($"{batch.Count} events came.");
        });

    /// <summary>The next events of the given streams after a position.</summary>
    private async Task<IReadOnlyList<StoredEvent>> TakeAsync(
        LogPosition after, int count, IReadOnlyCollection<string> streams)
    {
        var taken = new List<StoredEvent>();
        await foreach (var batch in Store.SubscribeAllAsync(after, Eventually.Cancelled()))
        {
            Assert.NotEmpty(batch);
            taken.AddRange(batch.Where(e => streams.Contains(e.Stream)));
            if (taken.Count >= count)
                break;
        }

        return [.. taken.Take(count)];
    }
}
