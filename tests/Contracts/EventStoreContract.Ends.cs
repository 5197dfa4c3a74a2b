using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts;

public abstract partial class EventStoreContract<TFixture>
{
    private const int EndsMax = 10_000;

    [SkippableFact]
    public async Task The_ends_of_metadata_come_by_stream_and_in_order_between_two_positions()
    {
        var (a, b) = (Some.Stream(), Some.Stream());
        await AppendedAsync(a, StreamAppend.NoStream, Ended("zero"));
        var after = await Store.HeadAsync(None);
        await AppendedAsync(a, 0, Ended("one"), Ended("two"));
        await AppendedAsync(b, StreamAppend.NoStream, Ended("short", size: 20));
        var through = await AppendedAsync(a, 2, Ended("three"));
        await AppendedAsync(a, 3, Ended("four"));

        var ends = await Store.EndsAsync(after, through, EndsMax, None);

        var streams = ends.Streams.ToDictionary(stream => stream.Stream);
        Assert.Equal(1, streams[a].First);
        Assert.Equal(["one", "two", "three"], streams[a].Ends.Select(Name));
        Assert.All(streams[a].Ends, end => Assert.Equal(EventEnd.SizeMax, end.Length));
        Assert.Equal("short", Name(Assert.Single(streams[b].Ends)));
        Assert.Equal((through, false), (ends.Through, ends.IsFull));
        Assert.Empty((await Store.EndsAsync(through, through, EndsMax, None)).Streams);
    }

    [SkippableFact]
    public async Task Pages_of_ends_continue_where_the_last_one_ended()
    {
        var (stream, after) = (Some.Stream(), await Store.HeadAsync(None));
        await AppendedAsync(stream, StreamAppend.NoStream, [.. Enumerable.Range(0, 5).Select(n => Ended($"{n}"))]);
        var through = await AppendedAsync(stream, 4, Ended("5"), Ended("6"));

        var (names, page) = (new List<string>(), new LogEnds([], after, IsFull: true));
        while (page.IsFull)
        {
            page = await Store.EndsAsync(page.Through, through, 3, None);
            foreach (var part in page.Streams.Where(part => part.Stream == stream))
            {
                Assert.Equal(names.Count, part.First);
                names.AddRange(part.Ends.Select(Name));
            }
        }

        Assert.Equal(["0", "1", "2", "3", "4", "5", "6"], names);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.EndsAsync(after, through, 0, None));
    }

    [SkippableFact]
    public async Task The_ends_of_single_events_come_in_the_order_of_the_question()
    {
        var (a, b) = (Some.Stream(), Some.Stream());
        await AppendedAsync(a, StreamAppend.NoStream, Ended("zero"), Ended("one"), Ended("two"));
        await AppendedAsync(b, StreamAppend.NoStream, Ended("other"));
        await Store.TruncateAsync(a, 1, None);

        var ends = await Store.EndsOfAsync(
            [new(a, 2), new(Some.Stream(), 0), new(a, 0), new(b, 0), new(a, 3), new(a, 1)], None);

        Assert.Equal(
            ["two", null, null, "other", null, "one"], ends.Select(end => end is null ? null : Name(end.End)));
        Assert.Equal((await ForwardsAsync(a))[1].Position, ends[0]!.Position);
        Assert.Empty(await Store.EndsOfAsync([], None));
    }

    /// <summary>An event whose metadata ends with a name.</summary>
    private static EventData Ended(string name, int size = 200) => Some.Event() with
    {
        Metadata = Encoding.UTF8.GetBytes(
            $$"""{"x":"{{new string('x', Math.Max(0, size - name.Length - 15))}}","n":"{{name}}"}"""),
    };

    private static string Name(ReadOnlyMemory<byte> end) => Encoding.UTF8.GetString(end.Span).Split('"')[^2];
}
