using System.Text.Json;

namespace ChatCqrs.WebApi.Tests.Accounts;

/// <summary>Messages of an erased account are like deleted ones.</summary>
public sealed class ErasedMessagesTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task They_are_not_unread_and_keep_their_places()
    {
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var direct = (await SendAsync(ann, new { receiver_id = ben.User })).Text("conversation_id");
        await SendAsync(ann, new { receiver_id = ben.User });
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "us", member_ids = new[] { ann.User, ben.User } },
            cat.Access)).Is(201).Text("conversation_id");
        await SendAsync(ann, new { conversation_id = group });
        var kept = (await SendAsync(cat, new { conversation_id = group })).Text("message_id");
        Assert.Equal(new[] { 2, 2 }, await UnreadAsync(ben));

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        Assert.Equal(new[] { 0, 1 }, await UnreadAsync(ben));
        var unread = (await server.GetAsync("/v1/messages", ben.Access)).Is(200)["messages"];
        Assert.Equal([kept], unread.EnumerateArray().Select(message => message.GetProperty("message_id").GetString()));
        var messages = (await server.GetAsync($"/v1/conversations/{direct}/messages", ben.Access)).Is(200)["messages"];
        Assert.Equal(2, messages.GetArrayLength());
        Assert.All(messages.EnumerateArray(), message =>
            Assert.NotEqual(JsonValueKind.Null, message.GetProperty("deleted_at").ValueKind));

        async Task<int[]> UnreadAsync(Tokens who) =>
        [
            (await server.GetAsync($"/v1/conversations/{direct}", who.Access)).Is(200)["unread_count"].GetInt32(),
            (await server.GetAsync("/v1/conversations", who.Access)).Is(200)["conversations"].EnumerateArray()
                .Single(item => item.GetProperty("conversation_id").GetString() == group).GetProperty("unread_count")
                .GetInt32(),
        ];
    }

    private async Task<Answer> SendAsync(Tokens who, object to)
    {
        var body = JsonSerializer.SerializeToNode(to)!.AsObject();
        (body["message_id"], body["type"], body["text"]) = (Guid.CreateVersion7().ToString(), "text", "hello");
        return (await server.PostAsync("/v1/messages", body, who.Access)).Is(201);
    }
}
