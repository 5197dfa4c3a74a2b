using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Testing;
using FsCheck.Fluent;

namespace ChatCqrs.Contracts;

public abstract partial class EventStoreContract<TFixture>
{
    [SkippableFact]
    public async Task A_new_stream_is_numbered_from_zero()
    {
        var (stream, events) = (Some.Stream(), Some.Events(3));

        await AppendedAsync(stream, StreamAppend.NoStream, events);
        await AppendedAsync(stream, 2, Some.Event());

        Assert.Equal([0L, 1, 2, 3], Revisions(await ForwardsAsync(stream)));
        Assert.Equal(Ids(events), Ids(await ForwardsAsync(stream, limit: 3)));
    }

    [SkippableFact]
    public async Task Each_stream_of_a_batch_has_an_outcome_of_its_own_in_the_order_of_the_entries()
    {
        string[] streams = [.. Enumerable.Range(0, 5).Select(_ => Some.Stream())];
        await AppendedAsync(streams[1], StreamAppend.NoStream, Some.Events(4));
        await AppendedAsync(streams[3], StreamAppend.NoStream, Some.Events(2));

        var outcomes = await Store.AppendAsync(
            [
                new(streams[0], StreamAppend.NoStream, Some.Events(1)),
                new(streams[1], 0, Some.Events(1)),
                new(streams[2], 7, Some.Events(1)),
                new(streams[3], 1, Some.Events(3)),
                new(streams[4], StreamAppend.NoStream, Some.Events(2)),
            ],
            None);

        Assert.Equal(
            ["0", "conflict 3", "conflict -1", "4", "1"],
            outcomes.Select(outcome => outcome is AppendOutcome.Appended appended
                ? $"{appended.LastRevision}"
                : $"conflict {((AppendOutcome.Conflict)outcome).ActualRevision}"));
        var lengths = new List<int>();
        foreach (var stream in streams)
            lengths.Add((await ForwardsAsync(stream)).Count);
        Assert.Equal([1, 4, 0, 5, 2], lengths);
    }

    [SkippableFact]
    public async Task An_empty_batch_has_no_outcomes() => Assert.Empty(await Store.AppendAsync([], None));

    [SkippableFact]
    public async Task A_batch_of_many_streams_is_appended_whole()
    {
        StreamAppend[] batch =
        [
            .. Enumerable.Range(0, 700)
                .Select(_ => new StreamAppend(Some.Stream(), StreamAppend.NoStream, Some.Events(2))),
        ];

        var outcomes = await Store.AppendAsync(batch, None);

        Assert.Equal(batch.Length, outcomes.Count);
        Assert.All(outcomes, outcome => Assert.Equal(1, Assert.IsType<AppendOutcome.Appended>(outcome).LastRevision));
    }

    [SkippableFact]
    public async Task Appending_the_same_again_gives_the_first_outcome_and_stores_nothing()
    {
        var (stream, first, second) = (Some.Stream(), Some.Events(3), Some.Events(2));
        var outcome = await AppendAsync(stream, StreamAppend.NoStream, first);
        Assert.Equal(outcome, await AppendAsync(stream, StreamAppend.NoStream, first));

        var next = await AppendAsync(stream, 2, second);

        Assert.Equal(outcome, await AppendAsync(stream, StreamAppend.NoStream, first));
        Assert.Equal(next, await AppendAsync(stream, 2, second));
        Assert.Equal(Ids(first.Concat(second)), Ids(await ForwardsAsync(stream)));
    }

    [SkippableFact]
    public async Task A_batch_that_failed_in_part_can_be_repeated()
    {
        var (won, lost) = (Some.Stream(), Some.Stream());
        await AppendedAsync(lost, StreamAppend.NoStream, Some.Event());
        StreamAppend[] batch =
        [
            new(won, StreamAppend.NoStream, Some.Events(2)), new(lost, StreamAppend.NoStream, Some.Events(2)),
        ];
        var first = await Store.AppendAsync(batch, None);

        var same = await Store.AppendAsync(batch, None);
        var mended = await Store.AppendAsync([batch[0], batch[1] with { ExpectedRevision = 0 }], None);

        Assert.IsType<AppendOutcome.Appended>(first[0]);
        Assert.Equal(new AppendOutcome.Conflict(0), first[1]);
        Assert.Equal(first, same);
        Assert.Equal(first[0], mended[0]);
        Assert.Equal(2, Assert.IsType<AppendOutcome.Appended>(mended[1]).LastRevision);
        Assert.Equal([0L, 1], Revisions(await ForwardsAsync(won)));
        Assert.Equal([0L, 1, 2], Revisions(await ForwardsAsync(lost)));
    }

    [SkippableTheory]
    [InlineData(StreamAppend.NoStream)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1_000)]
    public async Task A_wrong_expected_revision_is_answered_with_the_actual_one(long expected)
    {
        var stream = Some.Stream();
        await AppendedAsync(stream, StreamAppend.NoStream, Some.Events(3));

        Assert.Equal(new AppendOutcome.Conflict(2), await AppendAsync(stream, expected, Some.Events(2)));

        Assert.Equal(3, (await ForwardsAsync(stream)).Count);
    }

    [SkippableFact]
    public async Task A_stream_that_does_not_exist_has_no_revision()
    {
        var stream = Some.Stream();

        Assert.Equal(new AppendOutcome.Conflict(StreamAppend.NoStream), await AppendAsync(stream, 0, Some.Event()));

        Assert.Empty(await ForwardsAsync(stream));
    }

    [SkippableFact]
    public async Task What_is_the_same_only_in_part_is_a_conflict()
    {
        var (stream, events) = (Some.Stream(), Some.Events(3));
        await AppendedAsync(stream, StreamAppend.NoStream, events[0], events[1]);

        Assert.Equal(
            new AppendOutcome.Conflict(1),
            await AppendAsync(stream, StreamAppend.NoStream, events[0], Some.Event()));
        Assert.Equal(new AppendOutcome.Conflict(1), await AppendAsync(stream, StreamAppend.NoStream, events));
        Assert.Equal(
            new AppendOutcome.Conflict(1),
            await AppendAsync(stream, StreamAppend.NoStream, events[1], events[0]));
        Assert.Equal(new AppendOutcome.Conflict(1), await AppendAsync(stream, 0, events[0]));

        Assert.Equal([events[0].EventId, events[1].EventId], Ids(await ForwardsAsync(stream)));
    }

    [SkippableFact]
    public async Task Of_many_who_write_at_once_after_the_same_revision_one_succeeds()
    {
        var stream = Some.Stream();
        for (var revision = StreamAppend.NoStream; revision < 5; revision++)
        {
            var expected = revision;
            var outcomes = await Task.WhenAll(
                Enumerable.Range(0, 8).Select(_ => Task.Run(() => AppendAsync(stream, expected, Some.Event()))));

            Assert.Single(outcomes, outcome => outcome is AppendOutcome.Appended);
            Assert.All(
                outcomes.OfType<AppendOutcome.Conflict>(),
                conflict => Assert.Equal(expected + 1, conflict.ActualRevision));
        }

        Assert.Equal(6, (await ForwardsAsync(stream)).Count);
    }

    [SkippableTheory]
    [InlineData("""{"b":1,"a":2,"b":3}""")]
    [InlineData("{ \"spaced\" :\t[ 1 ,\r\n 2 ]  }\n")]
    [InlineData("""{"number":1.0e+30,"long":12345678901234567890,"zero":-0.0,"text":"\u00e9\/"}""")]
    [InlineData("""{"text":"é 漢字 👩‍👩‍👧 \u0000"}""")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task Payload_and_metadata_come_back_byte_for_byte(string json)
    {
        var (stream, data) = (Some.Stream(), Some.Event(payload: json, metadata: json));
        var position = await AppendedAsync(stream, StreamAppend.NoStream, data);

        var stored = Assert.Single(await ForwardsAsync(stream));

        Assert.Equal(
            (stream, 0L, position, data.EventId, data.Type),
            (stored.Stream, stored.Revision, stored.Position, stored.EventId, stored.Type));
        Assert.Equal(json, Encoding.UTF8.GetString(stored.Payload.Span));
        Assert.Equal(json, Encoding.UTF8.GetString(stored.Metadata.Span));
    }

    [SkippableFact]
    public async Task Any_text_comes_back_byte_for_byte()
    {
        var stream = Some.Stream();
        var texts = ArbMap.Default.GeneratorFor<string>().Where(text => text is not null)
            .Sample(100).Select(text => JsonText(text)).ToList();

        await AppendedAsync(stream, StreamAppend.NoStream, [.. texts.Select(text => Some.Event(text, text))]);

        var stored = await ForwardsAsync(stream);
        Assert.Equal(texts, stored.Select(e => Encoding.UTF8.GetString(e.Payload.Span)));
        Assert.Equal(texts, stored.Select(e => Encoding.UTF8.GetString(e.Metadata.Span)));

        static string JsonText(string text) => $$"""{"text":{{System.Text.Json.JsonSerializer.Serialize(text)}}}""";
    }

    [SkippableFact]
    public async Task The_largest_event_is_taken_and_given_back()
    {
        var (stream, data) = (Some.Stream(), Some.EventOf(EventData.SizeMax));
        Random.Shared.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsMemory(data.Payload).Span);

        await AppendedAsync(stream, StreamAppend.NoStream, data);

        Assert.True(Assert.Single(await ForwardsAsync(stream)).Payload.Span.SequenceEqual(data.Payload.Span));
    }

    [SkippableFact]
    public async Task An_event_that_is_too_large_is_refused_and_nothing_of_its_batch_is_sent() => await RefusedAsync(
        new StreamAppend(Some.Stream(), StreamAppend.NoStream, [Some.EventOf(EventData.SizeMax + 1)]));

    [SkippableFact]
    public async Task Events_that_are_too_large_together_are_refused() => await RefusedAsync(
        new StreamAppend(
            Some.Stream(), StreamAppend.NoStream,
            [Some.EventOf(EventData.SizeMax / 2), Some.EventOf((EventData.SizeMax / 2) + 1)]));

    [SkippableFact]
    public async Task An_entry_without_events_is_refused() =>
        await RefusedAsync(new StreamAppend(Some.Stream(), StreamAppend.NoStream, []));

    [SkippableFact]
    public async Task A_stream_without_a_name_is_refused() =>
        await RefusedAsync(new StreamAppend("", StreamAppend.NoStream, Some.Events(1)));

    [SkippableFact]
    public async Task A_negative_revision_is_refused() =>
        await RefusedAsync(new StreamAppend(Some.Stream(), -2, Some.Events(1)));

    [SkippableFact]
    public async Task An_event_without_an_id_or_a_type_is_refused()
    {
        await RefusedAsync(new StreamAppend(
            Some.Stream(), StreamAppend.NoStream, [Some.Event() with { EventId = Guid.Empty }]));
        await RefusedAsync(new StreamAppend(Some.Stream(), StreamAppend.NoStream, [Some.Event() with { Type = "" }]));
    }

    [SkippableFact]
    public async Task A_stream_that_stands_twice_is_refused()
    {
        var stream = Some.Stream();
        await RefusedAsync(
            new StreamAppend(stream, StreamAppend.NoStream, Some.Events(1)),
            new StreamAppend(stream, 0, Some.Events(1)));
    }

    [SkippableFact]
    public async Task A_cancelled_append_is_not_sent()
    {
        var stream = Some.Stream();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.AppendAsync(
            [new StreamAppend(stream, StreamAppend.NoStream, Some.Events(1))], new CancellationToken(canceled: true)));

        Assert.Empty(await ForwardsAsync(stream));
    }

    private async Task RefusedAsync(params StreamAppend[] refused)
    {
        var fine = new StreamAppend(Some.Stream(), StreamAppend.NoStream, Some.Events(1));

        await Assert.ThrowsAnyAsync<ArgumentException>(() => Store.AppendAsync([fine, .. refused], None));

        Assert.Empty(await ForwardsAsync(fine.Stream));
    }
}
