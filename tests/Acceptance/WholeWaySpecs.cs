using System.Text.RegularExpressions;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>A message from sending to read, as both sides see it.</summary>
public sealed partial class WholeWaySpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task A_message_is_sent_delivered_and_read()
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();

        // Bob is offline. The first message goes by REST, the second over the socket.
        var posted = (await ada.PostMessageAsync(Draft.To(bob.Id, "Good morning"))).Expect(201);
        var first = posted.Read<Sent>();
        Assert.Equal(1, first.Seq); // 0 is the start of the conversation.
        var second = await adas.SayAsync(Draft.To(bob.Id, "Are you up?"));
        Assert.Equal((first.ConversationId, 2L), (second.ConversationId, second.Seq));
        var conversation = first.ConversationId;
        Assert.Equal("sent", (await ada.MessageAsync(conversation, first.MessageId, posted.Position)).Status);

        var waiting = await Eventually.GetAsync(
            () => bob.UnreadAsync(), unread => unread.Count == 2, "Bob has two unread messages");
        Assert.Equal([first.MessageId, second.MessageId], waiting.Select(message => message.MessageId));
        Assert.Equal(["Good morning", "Are you up?"], waiting.Select(message => message.Text));
        Assert.Empty(await ada.UnreadAsync());
        var item = await bob.InboxItemAsync(conversation);
        Assert.Equal(
            ("direct", 2L, 2L, "Are you up?"), (item.Type, item.LastSeq, item.UnreadCount, item.LastMessage?.Text));
        Assert.Equal(0, (await ada.InboxItemAsync(conversation)).UnreadCount);

        // Bob connects: waiting messages come first, then `synced`.
        await using var bobs = await bob.ConnectAsync();
        Assert.Equal(
            [first.MessageId, second.MessageId], bobs.Messages(conversation).Select(message => message.MessageId));
        Assert.Equal("welcome", bobs.Frames()[0].Op);

        await bobs.SendAsync(new { op = "delivered", conversation_id = conversation, seq = 2 });
        var delivered = await adas.ReceiptAsync(conversation, bob.Id, delivered: 2);
        Assert.True(
            delivered.Body.TryGetProperty("at", out _) && delivered.Body.TryGetProperty("read_seq", out _),
            delivered.Raw);
        await Eventually.GetAsync(
            () => ada.MessageAsync(conversation, first.MessageId),
            message => message.Status == "delivered",
            "delivered");

        await bobs.SendAsync(new { op = "read", conversation_id = conversation, seq = 1 });
        await adas.ReceiptAsync(conversation, bob.Id, delivered: 2, read: 1);
        await Eventually.GetAsync(
            () => ada.MessageAsync(conversation, first.MessageId), message => message.Status == "read", "read");
        Assert.Equal("delivered", (await ada.MessageAsync(conversation, second.MessageId)).Status);

        var read = await bob.ConfirmAsync(conversation, read: 2);
        await adas.ReceiptAsync(conversation, bob.Id, delivered: 2, read: 2);
        Assert.Equal("read", (await ada.MessageAsync(conversation, second.MessageId, read)).Status);
        Assert.Empty(await bob.UnreadAsync(read));
        var after = await bob.InboxItemAsync(conversation, read);
        Assert.Equal((0L, 2L, 2L), (after.UnreadCount, after.DeliveredSeq, after.ReadSeq));
        var recipient = await ada.RecipientAsync(conversation, second.MessageId, read);
        Assert.Equal(bob.Id, recipient.UserId);
        Assert.Matches(Time(), recipient.DeliveredAt);
        Assert.Matches(Time(), recipient.ReadAt);

        // Bob answers while both are online.
        var answer = await bobs.SayAsync(Draft.In(conversation, "Now I am"));
        Assert.Equal("Now I am", (await adas.MessageAsync(answer.MessageId)).Text);

        await AssertTimelineAsync(ada, bob, first, second, answer);
        adas.KeptOrder(first.Seq);
        bobs.KeptOrder();
    }

    [Fact]
    public async Task Receipts_work_by_REST_alone()
    {
        var (ada, bob) = await product.PairAsync();
        var sent = await ada.SayAsync(bob, "by REST");
        Assert.Null((await ada.RecipientAsync(sent.ConversationId, sent.MessageId)).DeliveredAt);

        var delivered = await bob.ConfirmAsync(sent.ConversationId, delivered: 1);
        var recipient = await ada.RecipientAsync(sent.ConversationId, sent.MessageId, delivered);
        Assert.NotNull(recipient.DeliveredAt);
        Assert.Null(recipient.ReadAt);
        Assert.Single(await bob.UnreadAsync(delivered));

        var read = await bob.ConfirmAsync(sent.ConversationId, read: 1);
        var later = await ada.RecipientAsync(sent.ConversationId, sent.MessageId, read);
        Assert.Equal(recipient.DeliveredAt, later.DeliveredAt); // Reading does not change the time of delivery.
        Assert.NotNull(later.ReadAt);
        Assert.Empty(await bob.UnreadAsync(read));
    }

    [Fact]
    public async Task Reading_implies_delivery_and_a_lower_value_changes_nothing()
    {
        var (ada, bob) = await product.PairAsync();
        var conversation = (await ada.SayAsync(bob, "one")).ConversationId;
        var two = await ada.SayAsync(bob, "two");

        var read = await bob.ConfirmAsync(conversation, read: 2);
        var recipient = await ada.RecipientAsync(conversation, two.MessageId, read);
        Assert.NotNull(recipient.DeliveredAt);
        Assert.NotNull(recipient.ReadAt);

        var lower = await bob.ConfirmAsync(conversation, delivered: 1, read: 0);
        Assert.Equal("read", (await ada.MessageAsync(conversation, two.MessageId, lower)).Status);
        var item = await bob.InboxItemAsync(conversation, lower);
        Assert.Equal((2L, 2L), (item.DeliveredSeq, item.ReadSeq));
    }

    [Fact]
    public async Task A_receiver_is_named_by_user_id_phone_or_conversation_id()
    {
        var (ada, bob) = await product.PairAsync();
        var byPhone = (await ada.PostMessageAsync(Draft.To(bob.Phone, "by phone"))).Expect(201).Read<Sent>();
        var byId = (await ada.PostMessageAsync(Draft.To(bob.Id, "by user id"))).Expect(201).Read<Sent>();
        var byReceiver = (await ada.PostMessageAsync(Draft.To(byPhone.ConversationId, "by conversation id")))
            .Expect(201).Read<Sent>();
        var byConversation = (await bob.PostMessageAsync(Draft.In(byPhone.ConversationId, "in it")))
            .Expect(201).Read<Sent>();
        await using var socket = await ada.ConnectAsync();
        var overSocket = await socket.SayAsync(Draft.To(bob.Phone, "by phone, over the socket"));

        Sent[] all = [byPhone, byId, byReceiver, byConversation, overSocket];
        Assert.All(all, sent => Assert.Equal(byPhone.ConversationId, sent.ConversationId));
        Assert.Equal([1, 2, 3, 4, 5], all.Select(sent => sent.Seq));
    }

    [Fact]
    public async Task Names_in_requests_are_case_insensitive()
    {
        var (ada, bob) = await product.PairAsync();
        var id = Guid.NewGuid();
        var body = $$"""
            {"message_ID":"{{id}}","sender_ID":"{{ada.Id}}","receiver_ID":"{{bob.Id}}","Type":"text","TEXT":"hello"}
            """;
        var first = (await ada.PostAsync("/messages", body)).Expect(201);
        var again = (await ada.PostAsync("/v1/messages", Draft.To(bob.Id, "hello", id))).Expect(200);
        Assert.Equal(first.Read<Sent>(), again.Read<Sent>());

        await using var socket = await ada.ConnectAsync();
        var (frameId, upper) = (Guid.NewGuid(), "MESSAGE_id");
        await socket.SendAsync($$"""
            {"op":"send","{{upper}}":"{{frameId}}","receiver_ID":"{{bob.Id}}","type":"text","text":"hello again"}
            """);
        Assert.Equal(2, (await socket.AckAsync(frameId)).Seq);

        var unread = await Eventually.GetAsync(
            async () => (await bob.GetAsync($"/messages?user_ID={bob.Id}&LIMIT=1")).Expect(200).Json,
            page => page.GetProperty("messages").GetArrayLength() == 1,
            "one unread a page");
        Assert.Equal("hello", unread.GetProperty("messages")[0].Text("text"));
        Assert.NotNull(unread.Text("next_cursor"));
        (await bob.GetAsync($"/v1/messages?user_id={ada.Id}")).Expect(403);
    }

    [Fact]
    public async Task A_message_has_the_published_fields_wherever_it_appears()
    {
        var (ada, bob) = await product.PairAsync();
        await using var bobs = await bob.ConnectAsync();
        var posted = (await ada.PostMessageAsync(Draft.To(bob.Id, "Grüße, 👍 \" \\ \u0007 \t"))).Expect(201);
        var sent = posted.Read<Sent>();
        Assert.Matches(Time(), sent.SentAt);

        var frame = await bobs.NextAsync("message");
        System.Text.Json.JsonElement[] places =
        [
            frame.Body,
            (await bob.GetAsync($"/v1/conversations/{sent.ConversationId}/messages/{sent.MessageId}", posted.Position))
                .Expect(200).Json,
            (await bob.GetAsync($"/v1/conversations/{sent.ConversationId}/messages", posted.Position))
                .Expect(200).Json.GetProperty("messages")[0],
            (await bob.GetAsync($"/v1/conversations/{sent.ConversationId}/timeline", posted.Position))
                .Expect(200).Json.GetProperty("entries")[1].GetProperty("message"),
            (await bob.GetAsync("/v1/messages", posted.Position)).Expect(200).Json.GetProperty("messages")[0],
            (await bob.GetAsync("/v1/conversations", posted.Position))
                .Expect(200).Json.GetProperty("conversations")[0].GetProperty("last_message"),
        ];
        Assert.All(places, message =>
        {
            string[] names = ["message_id", "conversation_id", "seq", "sender_id", "sender_device_id", "type", "text",
                "media_object", "document", "reply_to", "ciphertext", "epoch", "sent_at", "edited_at", "deleted_at",
                "expires_at", "reactions", "status"];
            Assert.Empty(names.Except(message.EnumerateObject().Select(property => property.Name)));
            Assert.Equal("Grüße, 👍 \" \\ \u0007 \t", message.Text("text"));
            Assert.Equal(
                (sent.MessageId, sent.ConversationId), (message.Id("message_id"), message.Id("conversation_id")));
            Assert.Equal((ada.Id, ada.Session.DeviceId), (message.Id("sender_id"), message.Id("sender_device_id")));
            Assert.Equal(
                (sent.Seq, sent.SentAt, "text", "sent"),
                (message.Number("seq"), message.Text("sent_at"), message.Text("type"), message.Text("status")));
            Assert.Equal(System.Text.Json.JsonValueKind.Object, message.GetProperty("reactions").ValueKind);
            Assert.Null(message.Text("edited_at"));
            Assert.Null(message.Text("deleted_at"));
        });
    }

    [Fact]
    public async Task Ciphertext_and_replies_reach_the_receiver()
    {
        var (ada, bob) = await product.PairAsync();
        await using var bobs = await bob.ConnectAsync();
        var sealedText = Convert.ToBase64String([.. Enumerable.Range(0, 256).Select(i => (byte)i)]);
        var first = (await ada.PostMessageAsync(Draft.To(bob.Id, "").Without("text").With("ciphertext", sealedText)))
            .Expect(201).Read<Sent>();
        var reply = (await ada.PostMessageAsync(Draft.To(bob.Id, "about that").With("reply_to", first.MessageId)))
            .Expect(201).Read<Sent>();

        var received = await bobs.MessageAsync(first.MessageId);
        Assert.Equal((sealedText, null), (received.Ciphertext, received.Text));
        Assert.Equal(first.MessageId, (await bobs.MessageAsync(reply.MessageId)).ReplyTo);
        var timeline = await bob.TimelineAsync(first.ConversationId, reply.Seq);
        Assert.Equal(sealedText, timeline[1].Message!.Ciphertext);
        Assert.Equal(first.MessageId, timeline[2].Message!.ReplyTo);
    }

    [Fact]
    public async Task All_devices_of_both_users_get_messages_and_receipts()
    {
        var (ada, bob) = await product.PairAsync();
        var (adaAtHome, bobAtHome) = (await ada.AddDeviceAsync(), await bob.AddDeviceAsync());
        Assert.Equal(ada.Id, adaAtHome.Id);
        Assert.NotEqual(ada.Session.DeviceId, adaAtHome.Session.DeviceId);
        await using var adas = await ada.ConnectAsync();
        await using var adasOther = await adaAtHome.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        await using var bobsOther = await bobAtHome.ConnectAsync();

        var sent = await adas.SayAsync(Draft.To(bob.Id, "to all of you"));
        foreach (var socket in (ChatSocket[])[adasOther, bobs, bobsOther])
        {
            var message = await socket.MessageAsync(sent.MessageId);
            Assert.Equal(
                ("to all of you", ada.Id, ada.Session.DeviceId),
                (message.Text, message.SenderId, message.SenderDeviceId));
        }

        await bobs.SendAsync(new { op = "read", conversation_id = sent.ConversationId, seq = 1 });
        foreach (var socket in (ChatSocket[])[adas, adasOther, bobsOther])
            await socket.ReceiptAsync(sent.ConversationId, bob.Id, read: 1);
    }

    /// <summary>Asserts that the timeline of both holds these messages, in this order, and nothing else.</summary>
    private static async Task AssertTimelineAsync(Person ada, Person bob, params Sent[] sent)
    {
        var (conversation, last) = (sent[0].ConversationId, sent[^1].Seq);
        var timeline = await ada.TimelineAsync(conversation, last);
        Assert.Equal("conversation_started", timeline[0].Kind);
        Assert.All(timeline.Skip(1), entry => Assert.Equal("message", entry.Kind));
        Assert.Equal(
            sent.Select(message => (message.MessageId, message.SentAt)),
            timeline.Skip(1).Select(entry => (entry.Message!.MessageId, entry.Message.SentAt)));
        Assert.All(
            timeline.Skip(1),
            entry => Assert.Equal((entry.Seq, conversation), (entry.Message!.Seq, entry.Message.ConversationId)));
        Assert.Equal(
            timeline.Select(entry => (entry.Seq, entry.Message?.Text)),
            (await bob.TimelineAsync(conversation, last)).Select(entry => (entry.Seq, entry.Message?.Text)));
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    private static partial Regex Time();
}
