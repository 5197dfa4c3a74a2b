using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>A server with short beats.</summary>
public sealed class PresenceServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("RateLimits:Enabled", "false"), ("RateLimits:Typing:Burst", "5"), ("RateLimits:Typing:PerSecond", "0.001"),
        ("Presence:BeatEvery", "00:00:00.1"),
    ];
}

/// <summary>A server whose beats are too rare to end a watching in the time of a test.</summary>
public sealed class SlowBeatServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:Enabled", "false"), ("Presence:BeatEvery", "00:01:00"), ("Presence:NodeKept", "00:03:00")];
}

/// <summary>When a watching ends, between the beats.</summary>
[Collection(Measurement.Name)]
public sealed class PresenceEndTests(SlowBeatServer server) : IClassFixture<SlowBeatServer>
{
    [Theory]
    [InlineData("the watcher leaves")]
    [InlineData("the watched one leaves")]
    [InlineData("the watched one is removed")]
    public async Task It_ends_within_two_seconds_of_the_last_common_conversation(string end)
    {
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var body = new { type = "group", title = "us", member_ids = new[] { ann.User, ben.User } };
        var group = (await server.PostAsync("/v1/conversations", body, cat.Access)).Is(201).Text("conversation_id");
        using var anns = await server.ConnectAsync(ann.Access);
        using var bens = await server.ConnectAsync(ben.Access);
        await PresenceTests.SendAsync(anns, new { op = "subscribe_presence", user_ids = new[] { ben.User, cat.User } });
        Assert.Equal(
            [ben.User, cat.User],
            new[] { await UserAsync(anns), await UserAsync(anns) }.OrderBy(user => user != ben.User));

        var (who, by) = end switch
        {
            "the watcher leaves" => (ann, ann),
            "the watched one leaves" => (ben, ben),
            _ => (ben, cat),
        };
        var since = System.Diagnostics.Stopwatch.StartNew();
        (await server.DeleteAsync($"/v1/conversations/{group}/members/{who.User}", by.Access)).Is(204);

        var gone = await PresenceTests.NextAsync(anns, "presence");
        while (gone.GetProperty("online").GetBoolean()) // Ben's arrival may be told after the answer that names him.
            gone = await PresenceTests.NextAsync(anns, "presence");
        Assert.InRange(since.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        if (who == ben)
            Assert.Equal(ben.User, gone.GetProperty("user_id").GetString());
    }

    private static async Task<string> UserAsync(ClientWebSocket socket) =>
        (await PresenceTests.NextAsync(socket, "presence")).GetProperty("user_id").GetString()!;
}

/// <summary>The bounds of presence and typing; the acceptance suite tests their effects.</summary>
public sealed class PresenceTests(PresenceServer server) : IClassFixture<PresenceServer>
{
    [Fact]
    public async Task Typing_over_the_limit_is_dropped_without_a_refusal()
    {
        var (ann, ben, conversation) = await PairAsync();
        using var anns = await server.ConnectAsync(ann.Access);
        using var bens = await server.ConnectAsync(ben.Access);
        await NextAsync(bens, "synced");

        for (var i = 0; i < 20; i++)
            await SendAsync(anns, new { op = "typing", conversation_id = conversation, active = i % 2 == 0 });
        var message = Guid.CreateVersion7();
        await SendAsync(
            anns,
            new { op = "send", message_id = message, conversation_id = conversation, type = "text", text = "done" });

        await UntilAsync(anns, "ack", frame => Assert.NotEqual("error", Op(frame)));
        var typing = new List<bool>();
        while (typing.Count < 5)
            typing.Add((await NextAsync(bens, "typing")).GetProperty("active").GetBoolean());
        Assert.Equal([true, false, true, false, true], typing);
        await SendAsync(bens, new { op = "ping", id = 1 });
        await UntilAsync(bens, "pong", frame => Assert.NotEqual("typing", Op(frame)));
    }

    [Fact]
    public async Task A_stranger_types_nowhere()
    {
        var (_, _, conversation) = await PairAsync();
        using var eves = await server.ConnectAsync((await server.SignInAsync()).Access);

        await SendAsync(eves, new { op = "typing", id = "t", conversation_id = conversation, active = true });

        var error = await NextAsync(eves, "error");
        Assert.Equal(
            ("t", "conversation_unknown"),
            (error.GetProperty("ref").GetString(), error.GetProperty("problem").GetProperty("code").GetString()));
    }

    [Fact]
    public async Task An_empty_list_ends_the_watching()
    {
        var (ann, ben, _) = await PairAsync();
        using var anns = await server.ConnectAsync(ann.Access);
        await SendAsync(anns, new { op = "subscribe_presence", user_ids = new[] { ben.User } });
        Assert.False((await NextAsync(anns, "presence")).GetProperty("online").GetBoolean());

        await SendAsync(anns, new { op = "subscribe_presence", user_ids = Array.Empty<string>() });
        await SendAsync(anns, new { op = "ping", id = 1 });
        await NextAsync(anns, "pong");
        using (await server.ConnectAsync(ben.Access))
        {
            await SendAsync(anns, new { op = "ping", id = 2 });
            await UntilAsync(anns, "pong", frame => Assert.NotEqual("presence", Op(frame)));
        }
    }

    [Fact]
    public async Task A_watcher_who_is_blocked_sees_the_other_go()
    {
        var (ann, ben, _) = await PairAsync();
        using var anns = await server.ConnectAsync(ann.Access);
        using var bens = await server.ConnectAsync(ben.Access);
        await SendAsync(bens, new { op = "subscribe_presence", user_ids = new[] { ann.User } });
        Assert.True((await NextAsync(bens, "presence")).GetProperty("online").GetBoolean());

        (await server.SendAsync(HttpMethod.Put, $"/v1/blocks/{ben.User}", null, ann.Access)).Is(204);

        var gone = await NextAsync(bens, "presence");
        Assert.Equal(
            (false, JsonValueKind.Null),
            (gone.GetProperty("online").GetBoolean(), gone.GetProperty("last_seen").ValueKind));
    }

    [Fact]
    public async Task Whoever_starts_a_direct_conversation_watches_nobody_before_the_other_has_written()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var conversation = await WriteAsync(ann, ben);
        using var anns = await server.ConnectAsync(ann.Access);
        using var bens = await server.ConnectAsync(ben.Access);

        await WatchesNobodyAsync(anns, ben);
        await SendAsync(bens, new { op = "subscribe_presence", user_ids = new[] { ann.User } });
        Assert.True((await NextAsync(bens, "presence")).GetProperty("online").GetBoolean());

        Assert.Equal(conversation, await WriteAsync(ben, ann));
        await SendAsync(anns, new { op = "subscribe_presence", user_ids = new[] { ben.User } });
        Assert.True((await NextAsync(anns, "presence")).GetProperty("online").GetBoolean());
    }

    [Fact]
    public async Task Whoever_puts_somebody_into_a_group_cannot_watch_them_for_it()
    {
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var body = new { type = "group", title = "us", member_ids = new[] { ben.User } };
        var group = (await server.PostAsync("/v1/conversations", body, ann.Access)).Is(201).Text("conversation_id");
        var more = new { user_ids = new[] { cat.User } };
        Assert.InRange(
            (await server.PostAsync($"/v1/conversations/{group}/members", more, ann.Access)).Status, 200, 204);
        using var anns = await server.ConnectAsync(ann.Access);
        using var bens = await server.ConnectAsync(ben.Access);
        using var cats = await server.ConnectAsync(cat.Access);

        await WatchesNobodyAsync(anns, ben);
        await WatchesNobodyAsync(anns, cat);
        await SendAsync(bens, new { op = "subscribe_presence", user_ids = new[] { cat.User } });
        Assert.True((await NextAsync(bens, "presence")).GetProperty("online").GetBoolean());
        await SendAsync(cats, new { op = "subscribe_presence", user_ids = new[] { ann.User } });
        Assert.True((await NextAsync(cats, "presence")).GetProperty("online").GetBoolean());
    }

    [Fact]
    public async Task A_watcher_who_leaves_the_group_sees_the_others_go()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var body = new { type = "group", title = "us", member_ids = new[] { ben.User } };
        var group = (await server.PostAsync("/v1/conversations", body, ann.Access)).Is(201).Text("conversation_id");
        using var anns = await server.ConnectAsync(ann.Access);
        using var bens = await server.ConnectAsync(ben.Access);
        await SendAsync(bens, new { op = "subscribe_presence", user_ids = new[] { ann.User } });
        Assert.True((await NextAsync(bens, "presence")).GetProperty("online").GetBoolean());

        (await server.DeleteAsync($"/v1/conversations/{group}/members/{ben.User}", ben.Access)).Is(204);

        Assert.False((await NextAsync(bens, "presence")).GetProperty("online").GetBoolean());
        await SendAsync(bens, new { op = "subscribe_presence", user_ids = new[] { ann.User } });
        await SendAsync(bens, new { op = "ping", id = 1 });
        await UntilAsync(bens, "pong", frame => Assert.NotEqual("presence", Op(frame)));
    }

    [Fact]
    public async Task No_more_than_so_many_are_named_at_once()
    {
        using var socket = await server.ConnectAsync((await server.SignInAsync()).Access);

        var users = Enumerable.Range(0, 201).Select(_ => Guid.CreateVersion7());
        await SendAsync(socket, new { op = "subscribe_presence", id = "p", user_ids = users });

        var error = await NextAsync(socket, "error");
        Assert.Equal(
            ("p", 400),
            (error.GetProperty("ref").GetString(), error.GetProperty("problem").GetProperty("status").GetInt32()));
    }

    private static string Op(JsonElement frame) => frame.GetProperty("op").GetString()!;

    internal static Task SendAsync(ClientWebSocket socket, object frame) =>
        socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text, true, Eventually.Cancelled());

    /// <summary>The next frame with one of these ops; other frames are skipped.</summary>
    internal static async Task<JsonElement> NextAsync(ClientWebSocket socket, params string[] ops)
    {
        while (true)
        {
            var frame = await ReceiveAsync(socket);
            if (ops.Contains(Op(frame)))
                return frame;
        }
    }

    private static async Task UntilAsync(ClientWebSocket socket, string op, Action<JsonElement> each)
    {
        JsonElement frame;
        do
            each(frame = await ReceiveAsync(socket));
        while (Op(frame) != op);
    }

    private static async Task<JsonElement> ReceiveAsync(ClientWebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        var received = await socket.ReceiveAsync(buffer, Eventually.Cancelled());
        Assert.True(received.EndOfMessage);
        return JsonSerializer.Deserialize<JsonElement>(Encoding.UTF8.GetString(buffer, 0, received.Count));
    }

    private async Task<(Tokens Ann, Tokens Ben, string Conversation)> PairAsync()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        await WriteAsync(ann, ben);
        return (ann, ben, await WriteAsync(ben, ann));
    }

    /// <summary>Writes, and waits until the read models show it.</summary>
    /// <returns>The conversation.</returns>
    private async Task<string> WriteAsync(Tokens from, Tokens to)
    {
        var message = new { message_id = Guid.CreateVersion7(), receiver_id = to.User, type = "text", text = "x" };
        var sent = (await server.PostAsync("/v1/messages", message, from.Access)).Is(201);
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/conversations");
        request.Headers.Authorization = new("Bearer", from.Access);
        request.Headers.Add("Chat-Min-Position", sent.Headers.GetValues("Chat-Position"));
        (await server.SendAsync(request)).Is(200);
        return sent.Text("conversation_id");
    }

    private static async Task WatchesNobodyAsync(ClientWebSocket socket, Tokens other)
    {
        await SendAsync(socket, new { op = "subscribe_presence", user_ids = new[] { other.User } });
        await SendAsync(socket, new { op = "ping", id = other.User });
        await UntilAsync(socket, "pong", frame => Assert.NotEqual("presence", Op(frame)));
    }
}
