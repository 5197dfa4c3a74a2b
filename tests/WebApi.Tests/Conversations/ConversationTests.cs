using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Conversations;

/// <summary>Conversations and messages over REST have the described form.</summary>
public sealed class ConversationTests(SharedServer server) : IClassFixture<SharedServer>
{
    private static readonly string[] MessageFields =
    [
        "message_id", "conversation_id", "seq", "sender_id", "sender_device_id", "type", "text", "media_object",
        "document", "reply_to", "ciphertext", "epoch", "sent_at", "edited_at", "deleted_at", "expires_at", "reactions",
        "status",
    ];

    private static readonly string[] SummaryFields =
    [
        "conversation_id", "type", "title", "with", "member_count", "encryption", "last_seq", "last_message",
        "unread_count", "delivered_seq", "read_seq", "muted_until", "pinned", "archived", "updated_at",
    ];

    [Fact]
    public async Task A_direct_conversation_is_one_whoever_asks()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());

        var first = (await StartAsync(ann, ben)).Is(201);
        var again = (await StartAsync(ann, ben)).Is(200);
        var others = (await StartAsync(ben, ann)).Is(200);

        Assert.Equal(first.Text("conversation_id"), again.Text("conversation_id"));
        Assert.Equal(first.Text("conversation_id"), others.Text("conversation_id"));
        Assert.Equal(
            [.. SummaryFields, "members", "retention", "epoch"],
            first.Body.EnumerateObject().Select(member => member.Name));
        var located = (await server.GetAsync(first.Headers.Location!.OriginalString, ben.Access)).Is(200);
        Assert.Equal(first.Text("conversation_id"), located.Text("conversation_id"));
    }

    [Fact]
    public async Task A_message_is_shown_wherever_it_belongs()
    {
        var (ann, ben) = (await server.SignInAsync(name: "Ann"), await server.SignInAsync(name: "Ben"));
        var message = Guid.CreateVersion7().ToString();
        var sent = (await server.PostAsync(
            "/v1/messages", new { message_id = message, receiver_id = ben.User, type = "text", text = "Grüße 👋" },
            ann.Access)).Is(201);
        var conversation = sent.Text("conversation_id");

        Assert.Equal(
            ["message_id", "conversation_id", "seq", "sent_at"],
            sent.Body.EnumerateObject().Select(member => member.Name));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", sent.Text("sent_at"));

        var one = (await server.GetAsync($"/v1/conversations/{conversation}/messages/{message}", ben.Access)).Is(200);
        Assert.Equal(MessageFields, one.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            ("Grüße 👋", "sent", sent.Text("sent_at")),
            (one.Text("text"), one.Text("status"), one.Text("sent_at")));

        var list = (await server.GetAsync($"/v1/conversations/{conversation}/messages?after_seq=0&limit=1", ben.Access))
            .Is(200);
        Assert.Equal(one.Body.GetRawText(), Assert.Single(list["messages"].EnumerateArray()).GetRawText());
        var unread = (await server.GetAsync($"/messages?user_ID={ben.User}", ben.Access)).Is(200);
        Assert.Equal(one.Body.GetRawText(), Assert.Single(unread["messages"].EnumerateArray()).GetRawText());
        Assert.Equal(JsonValueKind.Null, unread["next_cursor"].ValueKind);

        var timeline = (await server.GetAsync($"/v1/conversations/{conversation}/timeline", ben.Access)).Is(200);
        Assert.Equal(
            ["conversation_started", "message"],
            timeline["entries"].EnumerateArray().Select(entry => entry.GetProperty("kind").GetString()));
        Assert.Equal(
            ["seq", "kind", "at", "actor_id", "message", "data"],
            timeline["entries"][0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(1, timeline["last_seq"].GetInt64());

        var inbox = Assert.Single(
            (await server.GetAsync("/v1/conversations", ben.Access)).Is(200)["conversations"].EnumerateArray());
        Assert.Equal(SummaryFields, inbox.EnumerateObject().Select(member => member.Name));
        Assert.Equal(1, inbox.GetProperty("unread_count").GetInt64());

        var members = (await server.GetAsync($"/v1/conversations/{conversation}/members", ben.Access))
            .Is(200)["members"].EnumerateArray();
        Assert.Equal(
            ["Ann", "Ben"],
            members.Select(member => member.GetProperty("name").GetString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_receipt_shows_to_the_sender()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var sent = await SendAsync(ann, ben.User, "hello");
        var (conversation, message) = (sent.Text("conversation_id"), sent.Text("message_id"));

        (await server.PostAsync($"/v1/conversations/{conversation}/receipts", new { delivered_seq = 1 }, ben.Access))
            .Is(204);
        Assert.Equal(
            "delivered",
            (await server.GetAsync($"/v1/conversations/{conversation}/messages/{message}", ann.Access)).Text("status"));
        (await server.PostAsync($"/v1/conversations/{conversation}/receipts", new { read_seq = 1 }, ben.Access))
            .Is(204);

        var receipts = (await server.GetAsync(
            $"/v1/conversations/{conversation}/messages/{message}/receipts", ann.Access)).Is(200);
        var recipient = Assert.Single(receipts["recipients"].EnumerateArray());
        Assert.Equal(["user_id", "delivered_at", "read_at"], recipient.EnumerateObject().Select(member => member.Name));
        Assert.Equal(ben.User, recipient.GetProperty("user_id").GetString());
        Assert.NotEqual(JsonValueKind.Null, recipient.GetProperty("read_at").ValueKind);
        Assert.Equal(
            "read",
            (await server.GetAsync($"/v1/conversations/{conversation}/messages/{message}", ann.Access)).Text("status"));
        (await server.GetAsync($"/v1/conversations/{conversation}/messages/{message}/receipts", ben.Access))
            .IsProblem(403, "not_the_sender");
    }

    [Fact]
    public async Task Who_left_a_group_unread_does_not_hold_the_status_back()
    {
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var started = await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "us", member_ids = new[] { ben.User, cat.User } },
            ann.Access);
        var group = $"/v1/conversations/{started.Is(201).Text("conversation_id")}";
        var id = started.Text("conversation_id");
        var message = new { message_id = Guid.CreateVersion7(), conversation_id = id, type = "text", text = "x" };
        (await server.PostAsync("/v1/messages", message, ann.Access)).Is(201);
        (await server.PostAsync(group + "/receipts", new { read_seq = 1 }, ben.Access)).Is(204);
        Assert.Equal(["sent", "sent", "sent"], await StatusesAsync());

        (await server.DeleteAsync($"{group}/members/{cat.User}", cat.Access)).Is(204);

        Assert.Equal(["read", "read", "read"], await StatusesAsync());

        async Task<string[]> StatusesAsync() =>
        [
            (await server.GetAsync($"{group}/messages/{message.message_id}", ann.Access)).Is(200).Text("status"),
            (await server.GetAsync($"{group}/messages", ann.Access)).Is(200)["messages"][0]
                .GetProperty("status").GetString()!,
            (await server.GetAsync("/v1/conversations", ann.Access)).Is(200)["conversations"][0]
                .GetProperty("last_message").GetProperty("status").GetString()!,
        ];
    }

    [Fact]
    public async Task An_id_names_one_message_of_a_conversation()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var sent = await SendAsync(ann, ben.User, "hello");
        var (conversation, id) = (sent.Text("conversation_id"), sent.Text("message_id"));
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "us", member_ids = new[] { ann.User } }, ben.Access))
            .Is(201).Text("conversation_id");

        (await ReuseAsync(ben, conversation)).IsProblem(409, "message_id_reused");
        using var socket = await server.ConnectAsync(ben.Access);
        var frame = new { op = "send", message_id = id, conversation_id = conversation, type = "text", text = "mine" };
        await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text, true, default);
        Assert.Equal("message_id_reused", await RefusalAsync(socket));

        (await server.DeleteAsync($"/v1/conversations/{conversation}/messages/{id}", ann.Access)).Is(204);
        (await ReuseAsync(ben, conversation)).IsProblem(409, "message_id_reused"); // Also once it is deleted.
        (await ReuseAsync(ben, group)).Is(201); // It is free elsewhere, and there nobody else's from then on.
        (await ReuseAsync(ann, group)).IsProblem(409, "message_id_reused");

        Task<Answer> ReuseAsync(Tokens who, string where) => server.PostAsync(
            "/v1/messages", new { message_id = id, conversation_id = where, type = "text", text = "mine" }, who.Access);
    }

    [Fact]
    public async Task The_published_names_of_parameters_bind_as_well()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var body = new
        {
            message_ID = Guid.NewGuid(),
            sender_ID = ann.User,
            receiver_ID = ben.User,
            TYPE = "text",
            Text = "hello",
        };

        var first = (await server.PostAsync("/messages", body, ann.Access)).Is(201);

        Assert.Equal(
            first.Body.GetRawText(),
            (await server.PostAsync("/v1/messages", body, ann.Access)).Is(200).Body.GetRawText());
        var other = new
        {
            message_id = body.message_ID,
            receiver_id = ben.User,
            type = "text",
            text = "something else",
        };
        (await server.PostAsync("/v1/messages", other, ann.Access)).IsProblem(409, "message_id_reused");
    }

    [Fact]
    public async Task The_inbox_and_the_unread_come_in_pages()
    {
        var ann = await server.SignInAsync();
        for (var i = 0; i < 5; i++)
            await SendAsync(await server.SignInAsync(), ann.User, $"message {i}");

        var inbox = await PagesAsync("/v1/conversations?limit=2", "conversations", ann);
        var unread = await PagesAsync("/v1/messages?limit=2", "messages", ann);

        Assert.Equal([2, 2, 1], inbox.Select(page => page.Count));
        Assert.Equal(
            ["message 4", "message 3", "message 2", "message 1", "message 0"],
            inbox.SelectMany(page => page)
                .Select(item => item.GetProperty("last_message").GetProperty("text").GetString()));
        Assert.Equal([2, 2, 1], unread.Select(page => page.Count));
        var ids = unread.SelectMany(page => page).Select(item => item.GetProperty("message_id").GetString());
        Assert.Equal(5, ids.Distinct().Count());
    }

    [Fact]
    public async Task A_page_of_large_unread_messages_is_shorter_and_leads_on()
    {
        const int count = 20;
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        for (var i = 0; i < count; i++)
            await SendAsync(ann, ben.User, new string('x', SendMessage.TextMax));

        var unread = await PagesAsync("/v1/messages?limit=200", "messages", ben);

        Assert.InRange(unread[0].Count, 10, count - 1);
        Assert.Equal(
            Enumerable.Range(1, count),
            unread.SelectMany(page => page).Select(message => message.GetProperty("seq").GetInt32()));
    }

    [Fact]
    public async Task Strangers_are_told_that_there_is_nothing()
    {
        var (ann, ben, eve) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var sent = await SendAsync(ann, ben.User, "hello");
        var conversation = $"/v1/conversations/{sent.Text("conversation_id")}";

        var message = $"/messages/{sent.Text("message_id")}";
        foreach (var path in new[] { "", "/members", "/messages", "/timeline", message, message + "/receipts" })
            (await server.GetAsync(conversation + path, eve.Access)).IsProblem(404, "conversation_unknown");
        (await server.PostAsync(conversation + "/receipts", new { read_seq = 1 }, eve.Access))
            .IsProblem(404, "conversation_unknown");
    }

    private static async Task<string> RefusalAsync(WebSocket socket)
    {
        var buffer = new byte[SocketGateway.FrameMax];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, Testing.Eventually.Cancelled());
            var frame = JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, received.Count));
            if (frame.GetProperty("op").GetString() == "error")
                return frame.GetProperty("problem").GetProperty("code").GetString()!;
        }
    }

    private Task<Answer> StartAsync(Tokens who, Tokens other) =>
        server.PostAsync("/v1/conversations", new { type = "direct", member_ids = new[] { other.User } }, who.Access);

    private async Task<Answer> SendAsync(Tokens who, string receiver, string text) => (await server.PostAsync(
        "/v1/messages", new { message_id = Guid.CreateVersion7(), receiver_id = receiver, type = "text", text },
        who.Access)).Is(201);

    private async Task<List<List<JsonElement>>> PagesAsync(string path, string items, Tokens who)
    {
        var pages = new List<List<JsonElement>>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = (await server.GetAsync(path + (cursor.Length == 0 ? "" : "&cursor=" + cursor), who.Access))
                .Is(200);
            pages.Add([.. page[items].EnumerateArray()]);
            cursor = page["next_cursor"].GetString();
        }

        return pages;
    }
}
