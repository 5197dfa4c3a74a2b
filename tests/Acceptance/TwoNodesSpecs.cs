using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>
/// Two servers on one log: writes at either node make one conversation, in one order, without duplicates.
/// </summary>
public sealed class TwoNodesSpecs(TwoNodes nodes) : IClassFixture<TwoNodes>
{
    private ChatApi One => nodes.One.Api;
    private ChatApi Two => nodes.Two.Api;

    [OwnServerFact]
    public async Task Retries_at_both_nodes_store_one_message()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var adaAtTwo = ada.At(Two);
        Guid conversation = default;
        for (var round = 1; round <= 12; round++)
        {
            var draft = Draft.To(
                bob.Id, $"once {round}", RetrySpecs.NewId(round % 2 == 0 ? "version 4" : "fresh version 7"));
            var answers = await Task.WhenAll(
                Enumerable.Range(0, 8).Select(i => (i % 2 == 0 ? ada : adaAtTwo).PostMessageAsync(draft)));
            var sent = Assert.Single(answers.Select(answer => answer.Expect(200, 201).Read<Sent>()).Distinct());
            Assert.Equal(1, answers.Count(answer => answer.Status == 201));
            Assert.Equal(round, sent.Seq);
            conversation = sent.ConversationId;
        }
        Assert.Equal(13, (await bob.TimelineAsync(conversation, 12)).Count);
    }

    [OwnServerFact]
    public async Task Two_people_who_write_first_at_different_nodes_share_one_conversation()
    {
        for (var round = 0; round < 6; round++)
        {
            var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
            var answers = await Task.WhenAll(
                ada.PostMessageAsync(Draft.To(bob.Phone, "me first")),
                bob.PostMessageAsync(Draft.To(ada.Phone, "no, me")));
            var sent = answers.Select(answer => answer.Expect(201).Read<Sent>()).ToList();
            Assert.Single(sent.Select(s => s.ConversationId).Distinct());
            Assert.Equal([1, 2], sent.Select(s => s.Seq).Order());
        }
    }

    [OwnServerFact]
    public async Task A_file_is_passed_on_at_the_other_node_as_soon_as_it_is_seen_there()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var eve = await Person.RegisterAsync(One, name: "Eve");
        using var adas = new Media(ada);
        using var bobs = new Media(bob);
        using var eves = new Media(eve);
        await using var socket = await bob.ConnectAsync();
        for (var round = 0; round < 5; round++)
        {
            var picture = Media.Picture();
            var file = (await adas.UploadAsync(picture)).FileId;
            await socket.MessageAsync((await adas.SendAsync(bob, file)).MessageId);

            await bobs.SendAsync(eve, file);

            Assert.Equal(picture, await eves.BytesAsync(file));
        }
    }

    [OwnServerFact]
    public async Task A_vote_is_stored_once_whichever_nodes_it_comes_by()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var poll = (await ada.PostMessageAsync(Draft.To(bob.Id, "Tea?")
            .With("type", "poll").With("media_object", new { options = new[] { "Yes", "No" } })))
            .Expect(201).Read<Sent>();
        var message = $"/v1/conversations/{poll.ConversationId}/messages/{poll.MessageId}";
        var bobAtOne = bob.At(One);

        var answers = await Task.WhenAll(Enumerable.Range(0, 10)
            .Select(i => (i % 2 == 0 ? bob : bobAtOne).PutAsync($"{message}/vote", new { options = new[] { 1 } })));

        Assert.All(answers, answer => answer.Expect(204));
        Assert.Equal(
            ["conversation_started", "message", "vote_set"],
            (await ada.TimelineAsync(poll.ConversationId, poll.Seq + 1)).Select(entry => entry.Kind));
        Assert.Equal(
            $$"""{"1":["{{bob.Id}}"]}""",
            (await ada.GetAsync(message)).Expect(200).Json.GetProperty("votes").GetRawText());
    }

    [OwnServerFact]
    public async Task A_position_from_one_node_counts_at_the_other()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        for (var i = 1; i <= 10; i++)
        {
            var posted = (await ada.PostMessageAsync(Draft.To(bob.Id, $"message {i}"))).Expect(201);
            Assert.Equal(i, (await bob.UnreadAsync(posted.Position)).Count);
            Assert.Equal(
                i, (await bob.InboxItemAsync(posted.Read<Sent>().ConversationId, posted.Position)).UnreadCount);
        }
    }

    [OwnServerFact]
    public async Task An_erasure_at_one_node_leaves_nothing_readable_of_writes_at_the_other()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var text = $"Quokka{Guid.NewGuid():N}";
        var laptop = await ada.AddDeviceAsync(Two);
        await using var socket = await laptop.ConnectAsync();
        var first = await socket.SayAsync(Draft.To(bob.Id, $"{text} first"));
        // The read makes the other node cache the key.
        Assert.Equal($"{text} first", (await bob.MessageAsync(first.ConversationId, first.MessageId)).Text);
        for (var i = 0; i < 200; i++) await socket.SendAsync(Draft.To(bob.Id, $"{text} {i}"));

        (await ada.DeleteAsync("/v1/users/me")).Expect(204);

        Assert.Equal(1008, await socket.ClosedAsync());
        await Eventually.BeAsync(
            async () => (await bob.GetAsync($"/v1/users/{ada.Id}")).Status == 404, "the other node does not know them");
        await Eventually.BeAsync(
            async () => (await bob.MessageAsync(first.ConversationId, first.MessageId)).Text is null,
            "the other node has forgotten the key");
        var page = await bob.TimelinePageAsync(first.ConversationId, limit: 200);
        Assert.All(page.Entries, entry => Assert.Null(entry.Message?.Text));
        (await bob.PostMessageAsync(Draft.In(first.ConversationId, "still there?"))).Expect(404, "user_unknown");
    }

    [OwnServerFact]
    public async Task A_device_removed_at_one_node_loses_access_at_the_other()
    {
        var ada = await Person.RegisterAsync(One);
        var laptop = await ada.AddDeviceAsync(Two);
        await using var socket = await laptop.ConnectAsync();
        (await ada.DeleteAsync($"/v1/devices/{laptop.Session.DeviceId}")).Expect(200, 204);
        Assert.Equal(1008, await socket.ClosedAsync());
        await Eventually.BeAsync(
            async () => (await laptop.GetAsync("/v1/users/me")).Status == 401,
            "its token is dead at the other node, too");
    }

    [RedisFact]
    public async Task Senders_at_both_nodes_share_one_order_and_receive_each_other()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var ledger = new Ledger();
        var correspondence = await Correspondence.BeginAsync(One, Two, each: 150, ledger);
        await correspondence.RunAsync(patience.Token);
        await correspondence.VerifyAsync();
    }

    [RedisFact]
    public async Task Messages_and_receipts_reach_sockets_at_the_other_node()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var adasLaptop = await ada.AddDeviceAsync(Two);
        await using var phones = await ada.ConnectAsync();
        await using var laptops = await adasLaptop.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();

        for (var i = 1; i <= 10; i++)
        {
            var sent = await phones.SayAsync(Draft.To(bob.Id, $"message {i}"));
            Assert.Equal(sent.Seq, (await bobs.MessageAsync(sent.MessageId)).Seq);
            await laptops.MessageAsync(sent.MessageId);
            await bobs.SendAsync(new { op = "read", conversation_id = sent.ConversationId, seq = sent.Seq });
            await phones.ReceiptAsync(sent.ConversationId, bob.Id, read: sent.Seq);
            await laptops.ReceiptAsync(sent.ConversationId, bob.Id, read: sent.Seq);
        }
        bobs.KeptOrder();
        laptops.KeptOrder();
    }

    [RedisFact]
    public async Task A_user_connected_to_the_other_node_gets_no_push()
    {
        var (ada, bob, eve) = (
            await Person.RegisterAsync(One),
            await Person.RegisterAsync(Two, name: "Bob"),
            await Person.RegisterAsync(Two, name: "Eve"));
        using var bobsBrowser = new PushEndpoint();
        using var evesBrowser = new PushEndpoint();
        (await bob.PostAsync("/v1/push-subscriptions", bobsBrowser.Subscription)).Expect(201);
        (await eve.PostAsync("/v1/push-subscriptions", evesBrowser.Subscription)).Expect(201);
        await using var socket = await bob.ConnectAsync();

        var sent = await ada.SayAsync(bob, "hello");
        await socket.MessageAsync(sent.MessageId);
        await socket.SendAsync(new { op = "delivered", conversation_id = sent.ConversationId, seq = sent.Seq });
        await ada.SayAsync(eve, "hello"); // Eve is offline.

        await Eventually.BeAsync(() => evesBrowser.Bodies.Count == 1, "Eve is woken");
        Assert.Empty(bobsBrowser.Bodies);
    }

    [RedisFact]
    public async Task A_group_spans_both_nodes_and_a_removal_at_one_counts_at_the_other()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var (cat, dan) = (await Person.RegisterAsync(Two, name: "Cat"), await Person.RegisterAsync(One, name: "Dan"));
        var group = await Group.StartAsync(ada, "Over both", bob, cat, dan);
        await using var bobs = await bob.ConnectAsync();
        await using var cats = await cat.ConnectAsync();
        var first = await group.SayAsync(ada, "to all"); // 1
        await bobs.MessageAsync(first.MessageId);
        await cats.MessageAsync(first.MessageId);
        (await group.ReactAsync(bob, first.MessageId, "👍")).Expect(204); // 2, at the other node
        (await group.EditAsync(ada, first.MessageId, "to all of you")).Expect(200); // 3
        foreach (var socket in (ChatSocket[])[bobs, cats])
            Assert.Equal(
                "to all of you",
                (await socket.NextAsync(f => f.Body.Text("kind") == "message_edited", "the edit"))
                    .Body.GetProperty("data").Text("text"));

        for (var round = 0; round < 5; round++)
        {
            var mark = bobs.Mark();
            var answer = (await group.RemoveAsync(ada, bob)).Expect(204);
            var without = await group.SayAsync(dan, "without Bob");
            await cats.MessageAsync(without.MessageId);
            await bobs.PingAsync();
            var removal = Assert.Single(bobs.Frames(mark), f => f.Is("update", group.Id) || f.Is("message", group.Id))
                .Body;
            Assert.Equal(("member_removed", without.Seq - 1), (removal.Text("kind"), removal.Number("seq")));
            (await bob.GetAsync(group.Path)).Expect(404, "conversation_unknown");
            Assert.DoesNotContain(await bob.InboxAsync(answer.Position), item => item.ConversationId == group.Id);

            (await group.AddAsync(ada, bob)).Expect(200);
            var back = await group.SayAsync(cat, "welcome back");
            await bobs.MessageAsync(back.MessageId);
            Assert.Equal([back.Seq - 1, back.Seq], (await group.EntriesAsync(bob)).Select(entry => entry.Seq));
        }
        cats.KeptOrder();
    }

    [RedisFact]
    public async Task A_block_counts_at_the_other_node()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        await bob.SayAsync(ada, "hello"); // Node two caches that nobody is blocked.
        for (var round = 0; round < 5; round++)
        {
            (await ada.PutAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);
            await Eventually.BeAsync(
                async () => (await bob.PostMessageAsync(Draft.To(ada.Id, "hello?"))).Status == 403,
                "Bob is blocked at node two");
            (await ada.DeleteAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);
            await Eventually.BeAsync(
                async () => (await bob.PostMessageAsync(Draft.To(ada.Id, "hello again"))).Status == 201,
                "Bob is not blocked any more");
        }
    }
}
