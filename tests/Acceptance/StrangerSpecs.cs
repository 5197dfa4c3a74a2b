using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>A stranger gets the same 404 for a conversation of others as for one that does not exist.</summary>
public sealed class StrangerSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task A_stranger_gets_404_on_every_path()
    {
        var (ada, bob) = await product.PairAsync();
        var eve = await product.RegisterAsync("Eve");
        var sent = await ada.SayAsync(bob, "between us");

        async Task<List<Answer>> AskAsync(Guid conversation, Guid message)
        {
            var at = $"/v1/conversations/{conversation}";
            return
            [
                await eve.GetAsync(at),
                await eve.GetAsync($"{at}/timeline"),
                await eve.GetAsync($"{at}/messages"),
                await eve.GetAsync($"{at}/messages/{message}"),
                await eve.GetAsync($"{at}/messages/{message}/receipts"),
                await eve.GetAsync($"{at}/members"),
                await eve.PostAsync($"{at}/receipts", new { delivered_seq = 1 }),
                await eve.PostAsync($"{at}/receipts", new { read_seq = 1 }),
                await eve.PostMessageAsync(Draft.In(conversation, "let me in")),
                await eve.PostMessageAsync(Draft.To(conversation, "let me in")),
            ];
        }
        var refused = await AskAsync(sent.ConversationId, sent.MessageId);
        var unknown = await AskAsync(Guid.CreateVersion7(), Guid.CreateVersion7());
        foreach (var (hidden, absent) in refused.Zip(unknown))
        {
            hidden.Expect(404);
            absent.Expect(404);
            Assert.Equal((absent.Code, absent.Json.Text("title")), (hidden.Code, hidden.Json.Text("title")));
        }
        Assert.Empty(await eve.InboxAsync());
        Assert.Empty(await eve.UnreadAsync());
        Assert.Equal(2, (await ada.TimelineAsync(sent.ConversationId, 1)).Count);
        Assert.Null((await ada.RecipientAsync(sent.ConversationId, sent.MessageId)).DeliveredAt);
    }

    [Fact]
    public async Task A_stranger_s_frames_are_refused_with_404()
    {
        var (ada, bob) = await product.PairAsync();
        var eve = await product.RegisterAsync("Eve");
        var conversation = (await ada.SayAsync(bob, "between us")).ConversationId;
        await using var eves = await eve.ConnectAsync();
        foreach (var frame in (string[])
            [
                $$"""{"op":"delivered","id":"1","conversation_id":"{{conversation}}","seq":1}""",
                $$"""{"op":"read","id":"2","conversation_id":"{{conversation}}","seq":1}""",
                $$$"""{"op":"sync","id":"3","conversations":{"{{{conversation}}}":0}}""",
                Draft.In(conversation, "let me in").AsFrame(),
                Draft.To(conversation, "let me in").AsFrame(),
            ])
        {
            var mark = eves.Mark();
            await eves.SendAsync(frame);
            var error = await eves.NextAsync(f => f.Op is "error" or "ack" or "synced", $"an answer to {frame}", mark);
            Assert.True(error.Op == "error", $"{frame} was answered by {error.Raw}");
            Problems.Check(error.Body.GetProperty("problem"), 404, error.Raw);
        }
        await eves.SendAsync(new { op = "typing", conversation_id = conversation, active = true });
        await eves.PingAsync();
        Assert.DoesNotContain(eves.Frames(), f => f.Op is "message" or "update" or "receipt");
        Assert.Equal(2, (await ada.TimelineAsync(conversation, 1)).Count);
    }

    [Fact]
    public async Task Only_the_sender_sees_who_received_a_message()
    {
        var (ada, bob) = await product.PairAsync();
        var sent = await ada.SayAsync(bob, "hello");
        (await bob.GetAsync($"/v1/conversations/{sent.ConversationId}/messages/{sent.MessageId}/receipts"))
            .Expect(403, 404);
        (await ada.GetAsync($"/v1/conversations/{sent.ConversationId}/messages/{Guid.CreateVersion7()}")).Expect(404);
        (await ada.GetAsync($"/v1/conversations/{sent.ConversationId}/messages/{Guid.CreateVersion7()}/receipts"))
            .Expect(404);
    }
}
