using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Messages;

/// <summary>Votes in polls: who may set which, and where they show.</summary>
public sealed class PollTests(SharedServer server) : IClassFixture<SharedServer>, IAsyncLifetime
{
    private Tokens _ann = null!, _ben = null!, _cat = null!;

    public async Task InitializeAsync() =>
        (_ann, _ben, _cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Votes_show_wherever_the_poll_does()
    {
        var (conversation, message) = await AskAsync(new { receiver_id = _ben.User }, multiple: true);
        await ShowsAsync("{}");

        (await VoteAsync(_ben, conversation, message, 2, 0, 2)).Is(204);
        (await VoteAsync(_ann, conversation, message, 2)).Is(204);
        await ShowsAsync($$"""{"0":["{{_ben.User}}"],"2":["{{_ben.User}}","{{_ann.User}}"]}""");
        (await VoteAsync(_ben, conversation, message, 1)).Is(204);
        await ShowsAsync($$"""{"1":["{{_ben.User}}"],"2":["{{_ann.User}}"]}""");
        (await UnvoteAsync(_ann, conversation, message)).Is(204);
        await ShowsAsync($$"""{"1":["{{_ben.User}}"]}""");

        var updates = (await server.GetAsync($"{conversation}/timeline?after_seq=1", _ben.Access)).Is(200)["entries"];
        Assert.Equal(
            [
                ("vote_set", _ben.User, "[0,2]"), ("vote_set", _ann.User, "[2]"), ("vote_set", _ben.User, "[1]"),
                ("vote_cleared", _ann.User, "[]"),
            ],
            updates.EnumerateArray().Select(entry => (
                entry.GetProperty("kind").GetString()!, entry.GetProperty("actor_id").GetString()!,
                entry.GetProperty("data").GetProperty("options").GetRawText())));
        Assert.All(updates.EnumerateArray(), entry =>
        {
            var data = entry.GetProperty("data");
            Assert.Equal(
                (message, 1, entry.GetProperty("actor_id").GetString()),
                (data.GetProperty("message_id").GetString(), data.GetProperty("message_seq").GetInt32(),
                    data.GetProperty("user_id").GetString()));
        });

        async Task ShowsAsync(string votes)
        {
            Assert.Equal(votes, await VotesAsync(_ann, conversation, message));
            foreach (var way in new[]
            {
                "/v1/conversations", conversation, "/v1/messages", conversation + "/messages",
                conversation + "/timeline", "/v1/users/me/export",
            })
            {
                var shown = (await server.GetAsync(way, _ben.Access)).Is(200);
                Assert.Contains($"\"votes\":{votes}", shown.Body.GetRawText(), StringComparison.Ordinal);
            }

            using var socket = await server.ConnectAsync(_ben.Access); // Nothing is confirmed: it catches up.
            var frame = await NextAsync(socket, "message");
            Assert.Equal(votes, frame.GetProperty("votes").GetRawText());
        }
    }

    [Fact]
    public async Task Members_are_told_live()
    {
        var group = await StartAsync(_ann, _ben);
        var (conversation, message) = await AskAsync(new { conversation_id = group });
        using var socket = await server.ConnectAsync(_ann.Access);
        await NextAsync(socket, "synced");

        (await VoteAsync(_ben, conversation, message, 1)).Is(204);
        (await UnvoteAsync(_ben, conversation, message)).Is(204);

        var (set, cleared) = (await NextAsync(socket, "update"), await NextAsync(socket, "update"));
        Assert.Equal(
            ("vote_set", "[1]"),
            (set.GetProperty("kind").GetString(), set.GetProperty("data").GetProperty("options").GetRawText()));
        Assert.Equal(("vote_cleared", _ben.User), (
            cleared.GetProperty("kind").GetString(), cleared.GetProperty("data").GetProperty("user_id").GetString()));
    }

    [Fact]
    public async Task The_same_again_stores_nothing()
    {
        var (conversation, message) = await AskAsync(new { receiver_id = _ben.User });
        (await UnvoteAsync(_ben, conversation, message)).Is(204);
        (await VoteAsync(_ben, conversation, message, 0)).Is(204);
        (await VoteAsync(_ben, conversation, message, 0, 0)).Is(204);
        (await UnvoteAsync(_ben, conversation, message)).Is(204);
        (await UnvoteAsync(_ben, conversation, message)).Is(204);

        Assert.Equal(
            3, (await server.GetAsync($"{conversation}/timeline", _ben.Access)).Is(200)["last_seq"].GetInt32());
    }

    [Fact]
    public async Task A_vote_fits_its_poll()
    {
        var (one, single) = await AskAsync(new { receiver_id = _ben.User });
        var group = await StartAsync(_ann, _ben);
        var (several, multiple) = await AskAsync(new { conversation_id = group }, multiple: true);

        foreach (var (conversation, poll) in new[] { (one, single), (several, multiple) })
        {
            (await VoteAsync(_ben, conversation, poll)).IsInvalid("options");
            (await VoteAsync(_ben, conversation, poll, -1)).IsInvalid("options");
            (await VoteAsync(_ben, conversation, poll, 0, 3)).IsInvalid("options");
            (await VoteAsync(_ben, conversation, poll, int.MaxValue)).IsInvalid("options");
            (await PutAsync(_ben, conversation, poll, new { })).IsInvalid("options");
            (await PutAsync(_ben, conversation, poll, new { options = new[] { "a" } }))
                .IsProblem(400, "malformed_json");
            (await VoteAsync(_cat, conversation, poll, 0)).IsProblem(404, "conversation_unknown");
            (await VoteAsync(_ben, conversation, $"{Guid.NewGuid()}", 0)).IsProblem(404, "message_unknown");
        }

        (await VoteAsync(_ben, one, single, 0, 1)).IsInvalid("options");
        (await VoteAsync(_ben, several, multiple, 0, 1, 2)).Is(204);
    }

    [Fact]
    public async Task What_is_no_poll_takes_no_vote()
    {
        var text = (await SendAsync(new { receiver_id = _ben.User }, "text", null)).Is(201);
        var conversation = $"/v1/conversations/{text.Text("conversation_id")}";

        (await VoteAsync(_ben, conversation, text.Text("message_id"), 0)).IsProblem(400, "not_a_poll");
        (await UnvoteAsync(_ben, conversation, text.Text("message_id"))).IsProblem(400, "not_a_poll");
        var shown = await server.GetAsync($"{conversation}/messages/{text.Text("message_id")}", _ben.Access);
        Assert.False(shown.Has("votes"));
    }

    [Fact]
    public async Task A_deletion_takes_the_votes_and_ends_the_vote()
    {
        var (conversation, message) = await AskAsync(new { receiver_id = _ben.User });
        (await VoteAsync(_ben, conversation, message, 0)).Is(204);
        (await server.DeleteAsync($"{conversation}/messages/{message}", _ann.Access)).Is(204);

        (await VoteAsync(_ben, conversation, message, 0)).IsProblem(409, "message_deleted");
        (await UnvoteAsync(_ben, conversation, message)).IsProblem(409, "message_deleted");
        Assert.Equal("{}", await VotesAsync(_ben, conversation, message));
    }

    [Fact]
    public async Task An_edit_of_the_question_keeps_the_votes()
    {
        var (conversation, message) = await AskAsync(new { receiver_id = _ben.User });
        (await VoteAsync(_ben, conversation, message, 1)).Is(204);

        var edited = (await server.PatchAsync(
            $"{conversation}/messages/{message}", new { text = "Tea, or what?" }, _ann.Access)).Is(200);

        Assert.Equal($$"""{"1":["{{_ben.User}}"]}""", edited["votes"].GetRawText());
        (await VoteAsync(_ben, conversation, message, 2)).Is(204);
    }

    [Fact]
    public async Task Who_joined_later_sees_no_votes_in_what_they_do_not_see()
    {
        var group = await StartAsync(_ann, _ben);
        var (conversation, message) = await AskAsync(new { conversation_id = group });
        (await server.PostAsync($"{conversation}/members", new { user_ids = new[] { _cat.User } }, _ann.Access))
            .Is(200);
        using var socket = await server.ConnectAsync(_cat.Access);
        await NextAsync(socket, "synced");

        (await VoteAsync(_ben, conversation, message, 0)).Is(204);

        var live = await NextAsync(socket, "update");
        var listed = (await server.GetAsync($"{conversation}/timeline", _cat.Access)).Is(200)["entries"]
            .EnumerateArray().Last();
        foreach (var entry in new[] { live, listed })
        {
            Assert.Equal(
                ("vote_set", JsonValueKind.Null),
                (entry.GetProperty("kind").GetString(), entry.GetProperty("data").GetProperty("options").ValueKind));
        }

        (await VoteAsync(_cat, conversation, message, 0)).IsProblem(404, "message_unknown");
    }

    [Fact]
    public async Task Who_is_blocked_does_not_vote()
    {
        var (conversation, message) = await AskAsync(new { receiver_id = _ben.User });
        (await server.SendAsync(HttpMethod.Put, $"/v1/blocks/{_ben.User}", null, _ann.Access)).Is(204);

        (await VoteAsync(_ben, conversation, message, 0)).IsProblem(403, "blocked");
    }

    private async Task<string> StartAsync(Tokens by, params Tokens[] others) => (await server.PostAsync(
        "/v1/conversations", new { type = "group", title = "us", member_ids = others.Select(other => other.User) },
        by.Access)).Is(201).Text("conversation_id");

    /// <summary>A poll of Ann's with three options.</summary>
    private async Task<(string Conversation, string Message)> AskAsync(object to, bool? multiple = null)
    {
        var options = new[] { "Tea", "Coffee", "Water" };
        var sent = (await SendAsync(to, "poll", new { options, multiple })).Is(201);
        return ($"/v1/conversations/{sent.Text("conversation_id")}", sent.Text("message_id"));
    }

    private async Task<Answer> SendAsync(object to, string type, object? media)
    {
        var body = JsonSerializer.SerializeToNode(to)!.AsObject();
        (body["message_id"], body["type"], body["text"]) = (Guid.CreateVersion7().ToString(), type, "Tea?");
        body["media_object"] = JsonSerializer.SerializeToNode(media);
        return await server.PostAsync("/v1/messages", body, _ann.Access);
    }

    private Task<Answer> VoteAsync(Tokens who, string conversation, string message, params int[] options) =>
        PutAsync(who, conversation, message, new { options });

    private Task<Answer> PutAsync(Tokens who, string conversation, string message, object body) =>
        server.SendAsync(HttpMethod.Put, $"{conversation}/messages/{message}/vote", body, who.Access);

    private Task<Answer> UnvoteAsync(Tokens who, string conversation, string message) =>
        server.DeleteAsync($"{conversation}/messages/{message}/vote", who.Access);

    private async Task<string> VotesAsync(Tokens who, string conversation, string message) =>
        (await server.GetAsync($"{conversation}/messages/{message}", who.Access)).Is(200)["votes"].GetRawText();

    private static async Task<JsonElement> NextAsync(ClientWebSocket socket, string op)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            Assert.True(received.EndOfMessage);
            var frame = JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, received.Count));
            if (frame.GetProperty("op").GetString() == op)
                return frame;
        }
    }
}
