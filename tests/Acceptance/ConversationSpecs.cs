using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Direct conversations: creation, the inbox, and paging through messages.</summary>
public sealed class ConversationSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task Two_people_share_one_direct_conversation()
    {
        var (ada, bob) = await product.PairAsync();
        var created = (await ada.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { bob.Id, bob.Id, ada.Id } })).Expect(201);
        var conversation = created.Json.Id("conversation_id");
        Assert.Equal("direct", created.Json.Text("type"));
        foreach (var (asking, other) in (IEnumerable<(Person, Person)>)[(ada, bob), (bob, ada)])
        {
            var again = (await asking.PostAsync(
                "/v1/conversations", new { type = "direct", member_ids = new[] { other.Id } })).Expect(200);
            Assert.Equal(conversation, again.Json.Id("conversation_id"));
        }

        Assert.Equal(conversation, (await bob.SayAsync(ada, "found it")).ConversationId);
        foreach (var person in (Person[])[ada, bob])
        {
            var seen = (await person.GetAsync($"/v1/conversations/{conversation}", created.Position)).Expect(200).Json;
            Assert.Equal("direct", seen.Text("type"));
            string[] names = ["conversation_id", "title", "last_seq", "last_message", "unread_count", "delivered_seq",
                "read_seq", "muted_until", "pinned", "archived", "updated_at", "members", "retention", "encryption",
                "epoch"];
            Assert.Empty(names.Except(seen.EnumerateObject().Select(property => property.Name)));
            Assert.Equal(
                [.. new[] { ada.Id, bob.Id }.Order()],
                seen.GetProperty("members").EnumerateArray().Select(member => member.Id("user_id")).Order());
            Assert.All(
                seen.GetProperty("members").EnumerateArray(),
                member => Assert.Equal((0L, "member"), (member.Number("joined_seq"), member.Text("role"))));

            var members = (await person.GetAsync($"/v1/conversations/{conversation}/members", created.Position))
                .Expect(200).Json.GetProperty("members");
            Assert.Equal(["Ada", "Bob"], members.EnumerateArray().Select(member => member.Text("name")).Order());
        }
        Assert.Equal("conversation_started", (await ada.TimelineAsync(conversation))[0].Kind);
    }

    [Fact]
    public async Task A_conversation_with_oneself_or_an_unknown_user_is_refused()
    {
        var ada = await product.RegisterAsync();
        (await ada.PostAsync("/v1/conversations", new { type = "direct", member_ids = new[] { ada.Id } })).Expect(400);
        (await ada.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { Guid.CreateVersion7() } })).Expect(404);
        (await ada.PostMessageAsync(Draft.To(ada.Id, "dear diary"))).Expect(400);
        (await ada.PostMessageAsync(Draft.To(Guid.CreateVersion7(), "anybody?"))).Expect(404);
        (await ada.PostMessageAsync(Draft.To(Phones.Next(), "wrong number"))).Expect(404);
        (await ada.PostMessageAsync(Draft.In(Guid.CreateVersion7(), "nowhere"))).Expect(404);
        Assert.Empty(await ada.InboxAsync());
    }

    [Fact]
    public async Task Two_people_who_write_first_at_once_share_one_conversation()
    {
        for (var round = 0; round < 8; round++)
        {
            var (ada, bob) = await product.PairAsync();
            await using var adas = await ada.ConnectAsync();
            await using var bobs = await bob.ConnectAsync();
            var (x, y) = (Draft.To(bob.Id, "me first"), Draft.To(ada.Id, "no, me"));

            async Task<Sent> ByRest(Person person, Draft draft) =>
                (await person.PostMessageAsync(draft)).Expect(201).Read<Sent>();
            async Task<Answer> Start(Person person, Person other)
            {
                var body = new { type = "direct", member_ids = new[] { other.Id } };
                return (await person.PostAsync("/v1/conversations", body)).Expect(200, 201);
            }
            var start = Task.WhenAll(Start(ada, bob), Start(bob, ada), Start(ada, bob));
            var sent = await Task.WhenAll(
                round % 2 == 0 ? ByRest(ada, x) : adas.SayAsync(x),
                round % 4 < 2 ? ByRest(bob, y) : bobs.SayAsync(y));
            var started = await start;

            var conversation = Assert.Single(
                sent.Select(s => s.ConversationId).Concat(started.Select(s => s.Json.Id("conversation_id")))
                    .Distinct());
            Assert.True(started.Count(s => s.Status == 201) <= 1, "At most one of them created it.");
            Assert.Equal([1, 2], sent.Select(s => s.Seq).Order());
            await adas.MessageAsync(y.Id);
            await bobs.MessageAsync(x.Id);
            var timeline = await ada.TimelineAsync(conversation, 2);
            Assert.Equal(["conversation_started", "message", "message"], timeline.Select(entry => entry.Kind));
            Assert.Single(await ada.InboxAsync());
            Assert.Single(await bob.InboxAsync());
        }
    }

    [Fact]
    public async Task The_inbox_lists_the_newest_activity_first_in_pages()
    {
        var ada = await product.RegisterAsync();
        var others = new List<Person>();
        for (var i = 0; i < 7; i++) others.Add(await product.RegisterAsync($"Friend {i}"));
        var conversations = new List<Guid>();
        foreach (var other in others) conversations.Add((await other.SayAsync(ada, "hello")).ConversationId);
        conversations.Reverse();
        var moved = conversations[4];
        var last = (await ada.PostMessageAsync(Draft.In(moved, "back to you"))).Expect(201).Position;
        conversations.RemoveAt(4);
        conversations.Insert(0, moved);

        Assert.Equal(conversations, (await ada.InboxAsync(last)).Select(item => item.ConversationId));
        var paged = await ada.PagesAsync<InboxItem>("/v1/conversations?limit=3", "conversations", last);
        Assert.Equal(conversations, paged.Select(item => item.ConversationId));
        var page = (await ada.GetAsync("/v1/conversations?limit=3", last)).Expect(200).Json;
        Assert.Equal(3, page.GetProperty("conversations").GetArrayLength());
    }

    [Fact]
    public async Task Message_lists_are_paged_without_gap_or_overlap()
    {
        var (ada, bob) = await product.PairAsync();
        var carol = await product.RegisterAsync("Carol");
        var ids = new List<Guid>();
        Guid conversation = default;
        string position = "";
        for (var i = 0; i < 25; i++)
        {
            var sent = (await ada.PostMessageAsync(Draft.To(bob.Id, $"message {i}"))).Expect(201);
            (conversation, position) = (sent.Read<Sent>().ConversationId, sent.Position);
            ids.Add(sent.Read<Sent>().MessageId);
            if (i % 5 == 0)
                position = (await carol.PostMessageAsync(Draft.To(bob.Id, $"aside {i}"))).Expect(201).Position;
        }

        var unread = await bob.PagesAsync<Message>("/v1/messages?limit=7", "messages", position);
        Assert.Equal(30, unread.Count);
        Assert.Equal(
            ids, unread.Where(message => message.ConversationId == conversation).Select(message => message.MessageId));
        Assert.Equal(unread.Count, unread.Select(message => message.MessageId).Distinct().Count());

        async Task<List<long>> Seqs(string query) =>
            [.. (await ada.GetAsync($"/v1/conversations/{conversation}/messages?{query}", position)).Expect(200).Json
                .GetProperty("messages").EnumerateArray().Select(message => message.Number("seq"))];
        Assert.Equal([11, 12, 13, 14], await Seqs("after_seq=10&limit=4"));
        Assert.Equal([6, 7, 8, 9], await Seqs("before_seq=10&limit=4"));
        Assert.Equal([24, 25], await Seqs("after_seq=23"));
        Assert.Equal([1, 2], await Seqs("before_seq=3"));
        Assert.Empty(await Seqs("after_seq=25"));
        Assert.Equal([5, 6], await Seqs("after_seq=4&before_seq=7"));
        var page = await ada.TimelinePageAsync(conversation, afterSeq: 7, limit: 3);
        Assert.Equal([8, 9, 10], page.Entries.Select(entry => entry.Seq));
        Assert.Equal(25, page.LastSeq);
    }
}
