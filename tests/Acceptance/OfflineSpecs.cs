using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Offline delivery: the messages that a reconnecting device gets.</summary>
public sealed class OfflineSpecs(Product product) : IClassFixture<Product>
{
    private const int Waiting = 120;

    [Fact]
    public async Task A_reconnecting_device_gets_exactly_the_messages_it_has_not_confirmed()
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();
        var (conversation, ids) = await SendAsync(adas, bob);

        await using (var first = await bob.ConnectAsync())
        {
            Assert.Equal(["welcome", "update"], first.Frames().Take(2).Select(f => f.Op));
            Assert.Equal("synced", first.Frames()[^1].Op);
            Assert.Equal(ids, first.Messages(conversation).Select(message => message.MessageId));
            first.KeptOrder();
            var started = first.Frames()[1].Body;
            Assert.Equal(
                (conversation, 0L, "conversation_started"),
                (started.Id("conversation_id"), started.Number("seq"), started.Text("kind")));
            Assert.True(
                started.TryGetProperty("actor_id", out _) && started.TryGetProperty("data", out _)
                && started.TryGetProperty("at", out _));
            // The connection breaks before a confirmation.
            await first.AbortAsync();
        }

        await using (var second = await bob.ConnectAsync())
        {
            Assert.Equal(ids, second.Messages(conversation).Select(message => message.MessageId));
            await second.SendAsync(new { op = "delivered", conversation_id = conversation, seq = 50 });
            await adas.ReceiptAsync(conversation, bob.Id, delivered: 50);
        }

        await using (var third = await bob.ConnectAsync())
        {
            Assert.Equal(ids.Skip(50), third.Messages(conversation).Select(message => message.MessageId));
            Assert.DoesNotContain(third.Frames(), f => f.Op == "update");
            third.KeptOrder();
            await third.SendAsync(new { op = "read", conversation_id = conversation, seq = Waiting });
            await adas.ReceiptAsync(conversation, bob.Id, read: Waiting);
        }

        // All are confirmed; the next message comes live.
        await using var fourth = await bob.ConnectAsync();
        Assert.DoesNotContain(fourth.Frames(), f => f.Op == "message");
        var live = await adas.SayAsync(Draft.To(bob.Id, "still there?"));
        Assert.Equal(Waiting + 1, (await fourth.MessageAsync(live.MessageId)).Seq);
    }

    [Fact]
    public async Task A_confirmation_counts_for_its_device_only()
    {
        var (ada, bob) = await product.PairAsync();
        var laptop = await bob.AddDeviceAsync();
        var sent = await ada.SayAsync(bob, "for both");
        await using (var phone = await bob.ConnectAsync())
        {
            await phone.SendAsync(new { op = "delivered", conversation_id = sent.ConversationId, seq = 1 });
            await Eventually.GetAsync(
                () => ada.MessageAsync(sent.ConversationId, sent.MessageId),
                message => message.Status == "delivered",
                "delivered");
        }
        await using var other = await laptop.ConnectAsync();
        Assert.Equal(sent.MessageId, Assert.Single(other.Messages(sent.ConversationId)).MessageId);
    }

    [Fact]
    public async Task Sync_sends_the_messages_after_the_named_seqs()
    {
        var (ada, bob) = await product.PairAsync();
        var carol = await product.RegisterAsync("Carol");
        await using var adas = await ada.ConnectAsync();
        var (conversation, ids) = await SendAsync(adas, bob);
        var other = await carol.SayAsync(bob, "and me");
        await bob.ConfirmAsync(conversation, delivered: Waiting);
        await bob.ConfirmAsync(other.ConversationId, delivered: 1);

        await using var bobs = await bob.ConnectAsync();
        Assert.DoesNotContain(bobs.Frames(), f => f.Op == "message");
        bobs.ForgetOrder(conversation);
        var mark = bobs.Mark();
        await bobs.SendAsync(
            $$$"""{"op":"sync","conversations":{"{{{conversation}}}":100,"{{{other.ConversationId}}}":0}}""");
        await bobs.NextAsync("synced", mark);
        Assert.Equal(ids.Skip(100), bobs.Messages(conversation, mark).Select(message => message.MessageId));
        Assert.Equal(other.MessageId, Assert.Single(bobs.Messages(other.ConversationId, mark)).MessageId);
        bobs.KeptOrder();

        mark = bobs.Mark();
        await bobs.SendAsync($$$"""{"op":"sync","conversations":{"{{{conversation}}}":{{{Waiting}}}}}""");
        await bobs.NextAsync("synced", mark);
        Assert.Empty(bobs.Messages(conversation, mark));
        var live = await adas.SayAsync(Draft.To(bob.Id, "and on"));
        await bobs.MessageAsync(live.MessageId);
    }

    [Fact]
    public async Task Messages_sent_during_a_catch_up_arrive_once_and_in_order()
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();
        var (conversation, ids) = await SendAsync(adas, bob);
        var more = Enumerable.Range(0, 150).Select(i => Draft.In(conversation, $"meanwhile {i}")).ToList();
        var sending = Task.Run(async () =>
        {
            foreach (var draft in more) await adas.SendAsync(draft);
        });
        for (var i = 0; i < 4; i++)
        {
            await using var connection = await bob.ConnectAsync();
            connection.KeptOrder();
        }
        await using var last = await bob.OpenAsync();
        await sending;
        await last.MessageAsync(more[^1].Id);
        Assert.Equal(
            ids.Concat(more.Select(draft => draft.Id)),
            last.Messages(conversation).Select(message => message.MessageId));
        last.KeptOrder();
    }

    [Fact]
    public async Task A_slow_reader_is_disconnected_and_loses_no_message()
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();
        using var stuck = await StuckSocket.OpenAsync(bob);
        var text = new string('x', 60_000);
        var drafts = Enumerable.Range(0, 400).Select(i => Draft.To(bob.Id, $"{i} {text}")).ToList();
        foreach (var draft in drafts) await adas.SendAsync(draft);
        foreach (var draft in drafts) await adas.AckAsync(draft.Id);

        // 24 MB exceed every buffer on the way, so the server closes the socket.
        Assert.Equal(1013, await stuck.ReadToTheEndAsync());
        await using var again = await bob.ConnectAsync();
        Assert.Equal(
            drafts.Select(draft => draft.Id),
            again.Messages((await adas.AckAsync(drafts[0].Id)).ConversationId).Select(message => message.MessageId));
    }

    private static async Task<(Guid Conversation, List<Guid> Ids)> SendAsync(ChatSocket from, Person to)
    {
        var drafts = Enumerable.Range(1, Waiting).Select(i => Draft.To(to.Id, $"message {i}")).ToList();
        foreach (var draft in drafts) await from.SendAsync(draft);
        Sent? last = null;
        foreach (var draft in drafts) last = await from.AckAsync(draft.Id);
        Assert.Equal(Waiting, last!.Seq);
        return (last.ConversationId, drafts.ConvertAll(draft => draft.Id));
    }
}
