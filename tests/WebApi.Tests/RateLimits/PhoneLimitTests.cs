using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that lets a user try a few phones, and then none for the time of a test.</summary>
public sealed class PhoneLimitedServer : ChatServer
{
    public const int PhonesMax = 4;

    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:Contacts:Burst", $"{PhonesMax}"), ("RateLimits:Contacts:PerSecond", "0.0001")];
}

/// <summary>Whether somebody has a phone can be tried only so often, in whatever way.</summary>
public sealed class PhoneLimitTests(PhoneLimitedServer server) : IClassFixture<PhoneLimitedServer>
{
    public enum Way
    {
        Send,
        Reply,
        Frame,
    }

    [Theory]
    [InlineData(Way.Send)]
    [InlineData(Way.Reply)]
    [InlineData(Way.Frame)]
    public async Task Phones_that_a_user_sends_to_count_and_beyond_the_limit_all_are_answered_alike(Way way)
    {
        var bensPhone = NewPhone();
        await server.SignInAsync(bensPhone);
        var ann = await server.SignInAsync();
        using var socket = await server.ConnectAsync(ann.Access);
        for (var i = 0; i < PhoneLimitedServer.PhonesMax; i++)
            Assert.Equal("user_unknown", Code(await TryAsync(way, ann, socket, NewPhone())));

        var known = await TryAsync(way, ann, socket, bensPhone);
        var unknown = await TryAsync(way, ann, socket, NewPhone());

        Assert.Equal("rate_limited", Code(known));
        Assert.Equal(Shape(unknown), Shape(known));
        Assert.Equal("rate_limited", Code((await LookUpAsync(ann, bensPhone)).Body));
    }

    [Theory]
    [InlineData(Way.Reply, "message_unknown")]
    [InlineData(Way.Send, null)]
    public async Task A_phone_that_was_found_costs_nothing_more(Way way, string? code)
    {
        var bensPhone = NewPhone();
        await server.SignInAsync(bensPhone);
        var ann = await server.SignInAsync();
        using var socket = await server.ConnectAsync(ann.Access);

        for (var i = 0; i < 2 * PhoneLimitedServer.PhonesMax; i++)
            Assert.Equal(code, Code(await TryAsync(way, ann, socket, bensPhone)));
        for (var i = 1; i < PhoneLimitedServer.PhonesMax; i++)
            Assert.Equal("user_unknown", Code(await TryAsync(Way.Send, ann, socket, NewPhone())));

        Assert.Equal("rate_limited", Code(await TryAsync(Way.Send, ann, socket, NewPhone())));
        Assert.Equal(code, Code(await TryAsync(way, ann, socket, bensPhone)));
    }

    [Fact]
    public async Task A_phone_that_was_looked_up_can_be_written_to_beyond_the_limit()
    {
        var bensPhone = NewPhone();
        await server.SignInAsync(bensPhone);
        var ann = await server.SignInAsync();
        using var socket = await server.ConnectAsync(ann.Access);
        var phones = Enumerable.Range(1, PhoneLimitedServer.PhonesMax - 1).Select(_ => NewPhone()).Append(bensPhone);
        (await LookUpAsync(ann, [.. phones])).Is(200);

        Assert.Equal("rate_limited", Code(await TryAsync(Way.Send, ann, socket, NewPhone())));
        Assert.Null(Code(await TryAsync(Way.Send, ann, socket, bensPhone)));
    }

    [Fact]
    public async Task The_phone_of_a_partner_who_is_known_by_id_only_cannot_be_tried_beyond_the_limit()
    {
        var bensPhone = NewPhone();
        var ben = await server.SignInAsync(bensPhone);
        var ann = await server.SignInAsync();
        using var socket = await server.ConnectAsync(ann.Access);
        Assert.Null(Code(await TryAsync(Way.Send, ann, socket, ben.User)));
        for (var i = 0; i < PhoneLimitedServer.PhonesMax; i++)
            Assert.Equal("user_unknown", Code(await TryAsync(Way.Send, ann, socket, NewPhone())));

        Assert.Equal("rate_limited", Code(await TryAsync(Way.Reply, ann, socket, bensPhone)));
        Assert.Null(Code(await TryAsync(Way.Send, ann, socket, ben.User)));
    }

    [Fact]
    public async Task A_message_that_was_sent_before_does_not_serve_to_try_phones()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var sent = Guid.CreateVersion7();
        var first = (await SendAsync(ann, sent, ben.User)).Is(201);
        (await server.GetAsync($"/v1/conversations/{first.Text("conversation_id")}/messages", ann.Access)).Is(200);
        for (var i = 0; i < PhoneLimitedServer.PhonesMax; i++)
            (await SendAsync(ann, sent, NewPhone())).Is(200);

        (await SendAsync(ann, sent, NewPhone())).IsProblem(429, "rate_limited");
        (await SendAsync(ann, sent, ben.User)).Is(200);
    }

    [Fact]
    public async Task What_is_no_phone_does_not_count()
    {
        var ann = await server.SignInAsync();
        for (var i = 0; i < 2 * PhoneLimitedServer.PhonesMax; i++)
            (await LookUpAsync(ann, "0151 1234")).Is(200);

        var phones = Enumerable.Range(0, PhoneLimitedServer.PhonesMax).Select(_ => NewPhone());
        (await LookUpAsync(ann, [.. phones])).Is(200);
        (await LookUpAsync(ann, NewPhone())).IsProblem(429, "rate_limited");
    }

    /// <returns>The problem, or the answer.</returns>
    private async Task<JsonElement> TryAsync(Way way, Tokens who, ClientWebSocket socket, string receiver)
    {
        var message = Guid.CreateVersion7();
        if (way != Way.Frame)
            return (await SendAsync(who, message, receiver, way == Way.Reply ? Guid.CreateVersion7() : null)).Body;
        var frame = new { op = "send", message_id = message, receiver_id = receiver, type = "text", text = "x" };
        await socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text, true, Eventually.Cancelled());
        while (true)
        {
            var buffer = new byte[64 * 1024];
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            var answer = JsonDocument.Parse(buffer.AsMemory(0, received.Count)).RootElement;
            if (answer.GetProperty("op").GetString() == "error")
                return answer.GetProperty("problem");
            Assert.Contains(answer.GetProperty("op").GetString(), new List<string?> { "welcome", "synced" });
        }
    }

    private Task<Answer> SendAsync(Tokens who, Guid message, string receiver, Guid? replyTo = null) =>
        server.PostAsync(
            "/v1/messages",
            new { message_id = message, receiver_id = receiver, type = "text", text = "x", reply_to = replyTo },
            who.Access);

    private Task<Answer> LookUpAsync(Tokens who, params string[] phones) =>
        server.PostAsync("/v1/contacts/lookup", new { phones }, who.Access);

    private static string? Code(JsonElement answer) =>
        answer.TryGetProperty("code", out var code) ? code.GetString() : null;

    /// <summary>All that a problem says, but for the trace and the seconds to wait: each answer has its own.</summary>
    private static string Shape(JsonElement problem) => string.Join('\n', problem.EnumerateObject().Select(member =>
        member.Name is "trace_id" or "retry_after" ? member.Name : $"{member.Name}: {member.Value}"));
}
