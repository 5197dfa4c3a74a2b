using System.Globalization;
using System.Text.Json;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Messages;

/// <summary>A conversation's messages page by page, from a seq or a time on.</summary>
public sealed class HistoryTests(SharedServer server) : IClassFixture<SharedServer>, IAsyncLifetime
{
    private Tokens _ann = null!, _ben = null!, _cat = null!;

    public async Task InitializeAsync() =>
        (_ann, _ben, _cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task A_time_leads_to_the_first_message_sent_at_or_after_it()
    {
        var (path, times) = await SendAsync(7);

        foreach (var time in times)
        {
            var expected = times.Where(other => other.At >= time.At).Select(other => other.Seq);
            Assert.Equal(expected, Seqs(await AtAsync(path, time.At)));
            Assert.Equal(expected, Seqs(await AtAsync(path, time.At.ToOffset(TimeSpan.FromHours(-7)))));
            Assert.Equal(
                times.Where(other => other.At > time.At).Select(other => other.Seq),
                Seqs(await AtAsync(path, time.At.AddTicks(1))));
        }

        Assert.Equal(times.Select(time => time.Seq), Seqs(await AtAsync(path, times[0].At.AddYears(-20))));
        var later = await AtAsync(path, times[^1].At.AddYears(20));
        Assert.Equal((0, JsonValueKind.Null), (Seqs(later).Count, later["next_cursor"].ValueKind));
        foreach (var end in new[] { "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z" })
            (await server.GetAsync($"{path}?at={end}", _ann.Access)).Is(200);
    }

    [Fact]
    public async Task A_cursor_goes_on_from_there()
    {
        var (path, times) = await SendAsync(7);

        var from = times[2];
        Assert.Equal(
            times.Where(time => time.At >= from.At).Select(time => time.Seq).Chunk(2),
            await PagesAsync(path, $"at={Text(from.At)}&limit=2"));
        Assert.Equal([[3, 4], [5, 6], [7]], await PagesAsync(path, "after_seq=2&limit=2"));
        Assert.Equal([[3, 4], [5]], await PagesAsync(path, "after_seq=2&before_seq=6&limit=2"));
        Assert.Equal([[6, 7], [4, 5], [2, 3], [1]], await PagesAsync(path, "limit=2"));
        Assert.Equal([[4, 5], [2, 3], [1]], await PagesAsync(path, "before_seq=6&limit=2"));
        Assert.Equal([[1, 2, 3, 4, 5, 6, 7]], await PagesAsync(path, "limit=7"));
    }

    [Fact]
    public async Task Who_joined_later_begins_with_the_joining()
    {
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "us", member_ids = new[] { _ben.User } }, _ann.Access))
            .Is(201).Text("conversation_id");
        var path = $"/v1/conversations/{group}/messages";
        var first = await SayAsync(new { conversation_id = group });
        (await server.PostAsync(
            $"/v1/conversations/{group}/members", new { user_ids = new[] { _cat.User } }, _ann.Access)).Is(200);
        var second = await SayAsync(new { conversation_id = group });

        Assert.Equal([second.Seq], Seqs((await server.GetAsync($"{path}?at={Text(first.At)}", _cat.Access)).Is(200)));
        Assert.Equal(
            [first.Seq, second.Seq], Seqs((await server.GetAsync($"{path}?at={Text(first.At)}", _ben.Access)).Is(200)));
    }

    [Theory]
    [InlineData("at=", "at")]
    [InlineData("at=2026-01-02T03:04:05", "at")]
    [InlineData("at=2026-01-02", "at")]
    [InlineData("at=2026-01-02T03:04:05%2B25:00", "at")]
    [InlineData("at=2026-01-02T03:04:05+01:00", "at")]
    [InlineData("at=yesterday", "at")]
    [InlineData("at=2026-01-02T03:04:05Z&after_seq=1", "at")]
    [InlineData("at=2026-01-02T03:04:05Z&before_seq=1", "at")]
    public async Task A_time_has_its_zone_and_stands_alone(string query, string field)
    {
        var (path, _) = await SendAsync(1);

        (await server.GetAsync($"{path}?{query}", _ann.Access)).IsInvalid(field);
    }

    [Fact]
    public async Task A_cursor_that_is_none_is_refused()
    {
        var (path, _) = await SendAsync(1);

        foreach (var cursor in new[] { "x", "", "fA", "MXwyfDM", "YXxi" })
        {
            (await server.GetAsync($"{path}?cursor={cursor}", _ann.Access)).IsProblem(400, "invalid_cursor");
        }
    }

    private async Task<(string Path, List<(long Seq, DateTimeOffset At)> Times)> SendAsync(int count)
    {
        var times = new List<(long, DateTimeOffset)>();
        var conversation = "";
        for (var n = 0; n < count; n++)
        {
            var (seq, at, id) = await SayAsync(new { receiver_id = _ben.User });
            times.Add((seq, at));
            conversation = id;
        }

        return ($"/v1/conversations/{conversation}/messages", times);
    }

    private async Task<(long Seq, DateTimeOffset At, string Conversation)> SayAsync(object to)
    {
        var body = JsonSerializer.SerializeToNode(to)!.AsObject();
        (body["message_id"], body["type"], body["text"]) = (Guid.CreateVersion7().ToString(), "text", "hello");
        var sent = (await server.PostAsync("/v1/messages", body, _ann.Access)).Is(201);
        return (sent["seq"].GetInt64(), sent["sent_at"].GetDateTimeOffset(), sent.Text("conversation_id"));
    }

    private async Task<Answer> AtAsync(string path, DateTimeOffset time) =>
        (await server.GetAsync($"{path}?at={Text(time)}", _ann.Access)).Is(200);

    /// <summary>The seqs of each page, until there is no further one.</summary>
    private async Task<List<long[]>> PagesAsync(string path, string query)
    {
        var pages = new List<long[]>();
        string? cursor = null;
        do
        {
            var limit = query[query.IndexOf("limit", StringComparison.Ordinal)..];
            var page = (await server.GetAsync(
                cursor is null ? $"{path}?{query}" : $"{path}?{limit}&cursor={cursor}", _ann.Access)).Is(200);
            pages.Add([.. Seqs(page)]);
            cursor = page["next_cursor"].GetString();
        }
        while (cursor is not null);
        return pages;
    }

    private static List<long> Seqs(Answer page) =>
        [.. page["messages"].EnumerateArray().Select(message => message.GetProperty("seq").GetInt64())];

    private static string Text(DateTimeOffset time) =>
        Uri.EscapeDataString(time.ToString("yyyy-MM-ddTHH:mm:ss.fffffffzzz", CultureInfo.InvariantCulture));
}
