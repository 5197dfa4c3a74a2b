using System.Text.Json;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>An inbox of many conversations: paging while it changes, unread counts, and settings.</summary>
public sealed class InboxSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task Pages_show_every_conversation_once_while_the_inbox_changes()
    {
        var (ada, friends, conversations, position) = await WithFriendsAsync(23);
        var seen = new List<Guid>();
        string? cursor = null;
        var next = 0;
        do
        {
            var from = cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}";
            var page = (await ada.GetAsync($"/v1/conversations?limit=5{from}", position)).Expect(200).Json;
            seen.AddRange(
                page.GetProperty("conversations").EnumerateArray().Select(item => item.Id("conversation_id")));
            cursor = page.Text("next_cursor");
            // Two conversations become active again: the oldest, not shown yet, and the newest, shown already.
            position = (await friends[next++].PostMessageAsync(Draft.To(ada.Id, "something new"))).Expect(201).Position;
            position = (await friends[^next].PostMessageAsync(Draft.To(ada.Id, "something new"))).Expect(201).Position;
        }
        while (cursor is not null);

        Assert.Equal(conversations.AsEnumerable().Reverse(), seen);
        Assert.Equal(5, next);
        Assert.Equal(
            friends.Count, (await ada.InboxAsync(position)).Select(item => item.ConversationId).Distinct().Count());
    }

    [Fact]
    public async Task Unread_counts_agree_with_the_unread_messages()
    {
        var (ada, friends, conversations, position) = await WithFriendsAsync(9);
        for (var i = 0; i < friends.Count; i++)
        {
            for (var n = 0; n < i; n++)
                position = (await friends[i].PostMessageAsync(Draft.To(ada.Id, $"and {n}"))).Expect(201).Position;
            if (i % 3 == 1)
                position = (await ada.PostMessageAsync(Draft.In(conversations[i], "my own"))).Expect(201).Position;
            if (i % 3 == 2) position = await ada.ConfirmAsync(conversations[i], read: 2);
            await AssertInboxAndUnreadAgreeAsync(ada, position);
        }
        foreach (var conversation in conversations)
        {
            position = await ada.ConfirmAsync(
                conversation, read: (await ada.InboxItemAsync(conversation, position)).LastSeq);
            await AssertInboxAndUnreadAgreeAsync(ada, position);
        }
        Assert.Empty(await ada.UnreadAsync(position));
    }

    [Fact]
    public async Task Settings_of_a_conversation_are_each_member_s_own()
    {
        var (ada, friends, conversations, _) = await WithFriendsAsync(2);
        var path = $"/v1/conversations/{conversations[0]}";
        (await ada.PatchAsync($"{path}/settings", new { pinned = true })).Expect(200, 204);
        (await ada.PatchAsync($"{path}/settings", new { muted_until = "2031-02-03T04:05:06.789Z" })).Expect(200, 204);
        var changed = (await ada.PatchAsync($"{path}/settings", new { archived = true })).Expect(200, 204);

        foreach (var seen in (JsonElement[])[(await ada.GetAsync(path, changed.Position)).Expect(200).Json,
            (await ada.GetAsync("/v1/conversations", changed.Position))
                .Expect(200).Json.GetProperty("conversations").EnumerateArray()
                .Single(item => item.Id("conversation_id") == conversations[0])])
        {
            Assert.Equal((true, true, "2031-02-03T04:05:06.789Z"), Settings(seen));
        }
        var others = (await friends[0].GetAsync(path, changed.Position)).Expect(200).Json;
        Assert.False(others.GetProperty("pinned").GetBoolean());
        Assert.Null(others.Text("muted_until"));

        (await ada.PatchAsync($"{path}/settings", new { pinned = "very" })).Expect(400);
        (await ada.PatchAsync($"{path}/settings", new { muted_until = "soon" })).Expect(400);
        (await friends[1].PatchAsync($"{path}/settings", new { pinned = true })).Expect(404);
        var unmuted = (await ada.PatchAsync($"{path}/settings", new { muted_until = (string?)null, pinned = false }))
            .Expect(200, 204);
        var last = (await ada.GetAsync(path, unmuted.Position)).Expect(200).Json;
        Assert.Equal((false, true, null), Settings(last));

        static (bool Pinned, bool Archived, string? MutedUntil) Settings(JsonElement item) => (
            item.GetProperty("pinned").GetBoolean(),
            item.GetProperty("archived").GetBoolean(),
            item.Text("muted_until"));
    }

    private async Task<(Person Ada, List<Person> Friends, List<Guid> Conversations, string Position)>
        WithFriendsAsync(int count)
    {
        var ada = await product.RegisterAsync();
        var (friends, conversations, position) = (new List<Person>(), new List<Guid>(), "");
        for (var i = 0; i < count; i++)
        {
            friends.Add(await product.RegisterAsync($"Friend {i}"));
            var sent = (await friends[i].PostMessageAsync(Draft.To(ada.Id, "hello"))).Expect(201);
            conversations.Add(sent.Read<Sent>().ConversationId);
            position = sent.Position;
        }
        return (ada, friends, conversations, position);
    }

    private static async Task AssertInboxAndUnreadAgreeAsync(Person person, string position)
    {
        var unread = await person.PagesAsync<Message>("/v1/messages?limit=7", "messages", position);
        Assert.Equal(unread.Count, unread.Select(message => message.MessageId).Distinct().Count());
        Assert.All(
            unread.GroupBy(message => message.ConversationId),
            messages => Assert.Equal(messages.Select(m => m.Seq).Order(), messages.Select(m => m.Seq)));
        Assert.Equal(
            (await person.PagesAsync<InboxItem>("/v1/conversations?limit=5", "conversations", position))
                .Where(item => item.UnreadCount > 0)
                .Select(item => (item.ConversationId, item.UnreadCount)).Order(),
            unread.GroupBy(message => message.ConversationId)
                .Select(messages => (messages.Key, messages.LongCount())).Order());
    }
}
