using Npgsql;

namespace ChatCqrs.WebApi.Tests.Accounts;

public sealed class BlockTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task A_blocked_users_direct_messages_are_refused_until_they_are_unblocked()
    {
        var (ann, ben) = (await server.SignInAsync(name: "Ann"), await server.SignInAsync(name: "Ben"));
        var first = Message(to: ann);
        var conversation = (await SendAsync(ben, first)).Is(201).Text("conversation_id");

        var blocked = (await BlockAsync(ann, ben)).Is(204);

        Assert.True(blocked.Headers.Contains("Chat-Position"));
        (await SendAsync(ben, Message(to: ann))).IsProblem(403, "blocked");
        (await SendAsync(ben, Message(conversation: conversation))).IsProblem(403, "blocked");
        (await SendAsync(ben, first)).Is(200); // A retry of a message accepted before the block.
        (await SendAsync(ann, Message(to: ben))).Is(201);

        (await server.DeleteAsync($"/v1/blocks/{ben.User}", ann.Access)).Is(204);
        (await SendAsync(ben, Message(to: ann))).Is(201);
        (await SendAsync(ben, Message(conversation: conversation))).Is(201);
    }

    [Fact]
    public async Task A_blocked_user_starts_no_conversation()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        (await BlockAsync(ann, ben)).Is(204);

        (await SendAsync(ben, Message(to: ann))).IsProblem(403, "blocked");
        (await server.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { ann.User } }, ben.Access))
            .IsProblem(403, "blocked");

        Assert.Equal(
            0, (await server.GetAsync("/v1/conversations", ann.Access)).Is(200)["conversations"].GetArrayLength());
        (await server.GetAsync($"/v1/users/{ann.User}", ben.Access)).Is(200);
    }

    [Fact]
    public async Task Whom_one_has_blocked_puts_one_into_no_group()
    {
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var old = (await StartGroupAsync(ann, ben, cat)).Is(201).Text("conversation_id");
        (await BlockAsync(ben, ann)).Is(204);

        (await StartGroupAsync(ann, cat, ben)).IsProblem(403, "blocked");
        var own = (await StartGroupAsync(ann, cat)).Is(201).Text("conversation_id");
        (await AddAsync(ann, own, ben)).IsProblem(403, "blocked");
        var members = (await server.GetAsync($"/v1/conversations/{own}/members", ann.Access)).Is(200)["members"];
        Assert.Equal(2, members.GetArrayLength());
        (await SendAsync(ann, Message(conversation: old))).Is(201); // Groups of before stay as they are.
        (await AddAsync(ann, old, ben)).Is(200);

        (await server.DeleteAsync($"/v1/conversations/{old}/members/{ben.User}", ben.Access)).Is(204);
        (await AddAsync(ann, old, ben)).IsProblem(403, "blocked");
        (await server.SendAsync(
            HttpMethod.Put, $"/v1/conversations/{old}/members/{cat.User}/role", new { role = "admin" }, ann.Access))
            .Is(204);
        (await AddAsync(cat, old, ben)).Is(200);

        (await server.DeleteAsync($"/v1/blocks/{ann.User}", ben.Access)).Is(204);
        (await AddAsync(ann, own, ben)).Is(200);
        Assert.Equal(
            [own, old],
            (await server.GetAsync("/v1/conversations", ben.Access))["conversations"].EnumerateArray()
                .Select(conversation => conversation.GetProperty("conversation_id").GetString()));
    }

    [Fact]
    public async Task Blocks_are_listed_last_first_and_in_pages()
    {
        var ann = await server.SignInAsync();
        var others = new List<Tokens>();
        for (var i = 0; i < 5; i++)
        {
            others.Add(await server.SignInAsync(name: $"Friend {i}"));
            (await BlockAsync(ann, others[i])).Is(204);
        }

        (await BlockAsync(ann, others[0])).Is(204);

        var (names, cursor) = (new List<string>(), (string?)null);
        do
        {
            var page = (await server.GetAsync(
                $"/v1/blocks?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}", ann.Access)).Is(200);
            foreach (var block in page["blocks"].EnumerateArray())
            {
                Assert.Equal(["user_id", "name", "blocked_at"], block.EnumerateObject().Select(member => member.Name));
                names.Add(block.GetProperty("name").GetString()!);
            }

            cursor = page["next_cursor"].GetString();
        }
        while (cursor is not null);
        Assert.Equal(["Friend 4", "Friend 3", "Friend 2", "Friend 1", "Friend 0"], names);
    }

    [Fact]
    public async Task Users_who_cannot_be_blocked()
    {
        var ann = await server.SignInAsync();

        (await BlockAsync(ann, ann)).IsProblem(400, "block_oneself");
        (await server.SendAsync(HttpMethod.Put, $"/v1/blocks/{Guid.CreateVersion7()}", null, ann.Access))
            .IsProblem(404, "user_unknown");
        (await server.SendAsync(HttpMethod.Put, "/v1/blocks/nobody", null, ann.Access)).IsProblem(404, "user_unknown");
        (await server.DeleteAsync("/v1/blocks/nobody", ann.Access)).IsProblem(404, "user_unknown");
        (await server.DeleteAsync($"/v1/blocks/{Guid.CreateVersion7()}", ann.Access)).Is(204);
        (await server.GetAsync("/v1/blocks?limit=0", ann.Access)).IsInvalid("limit");
        (await server.GetAsync("/v1/blocks?cursor=none", ann.Access)).IsProblem(400, "invalid_cursor");
        (await server.GetAsync("/v1/blocks")).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task Other_nodes_are_told_in_the_transaction_of_the_read_models()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var heard = new TaskCompletionSource();
        await using var connection = await server.Database.OpenConnectionAsync();
        connection.Notification += (_, notification) =>
        {
            if (notification.Payload == ann.User) // Other classes block on the same server.
                heard.TrySetResult();
        };
        await using var listen = new NpgsqlCommand("LISTEN chat_blocks", connection);
        await listen.ExecuteNonQueryAsync();

        (await BlockAsync(ann, ben)).Is(204);

        while (!heard.Task.IsCompleted)
            await connection.WaitAsync(Testing.Eventually.Cancelled());
    }

    private static object Message(Tokens? to = null, string? conversation = null) =>
        new
        {
            message_id = Guid.CreateVersion7(),
            receiver_id = to?.User,
            conversation_id = conversation,
            type = "text",
            text = "hello",
        };

    private Task<Answer> StartGroupAsync(Tokens by, params Tokens[] others) => server.PostAsync(
        "/v1/conversations",
        new { type = "group", title = "us", member_ids = others.Select(other => other.User) }, by.Access);

    private Task<Answer> AddAsync(Tokens by, string group, Tokens whom) => server.PostAsync(
        $"/v1/conversations/{group}/members", new { user_ids = new[] { whom.User } }, by.Access);

    private Task<Answer> SendAsync(Tokens from, object message) =>
        server.PostAsync("/v1/messages", message, from.Access);

    private Task<Answer> BlockAsync(Tokens who, Tokens whom) =>
        server.SendAsync(HttpMethod.Put, $"/v1/blocks/{whom.User}", null, who.Access);
}
