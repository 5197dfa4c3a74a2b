using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>A retry with the same <c>message_id</c> gets the first answer and stores nothing, however late.</summary>
public sealed class RetrySpecs(Product product) : IClassFixture<Product>
{
    /// <summary>Kinds of client ids: random, and time-ordered from the past, the future and now.</summary>
    public static TheoryData<string> Kinds => ["version 4", "old version 7", "future version 7", "fresh version 7"];

    public static Guid NewId(string kind) => kind switch
    {
        "version 4" => Guid.NewGuid(),
        "old version 7" => Guid.CreateVersion7(DateTimeOffset.UtcNow.AddYears(-3)),
        "future version 7" => Guid.CreateVersion7(DateTimeOffset.UtcNow.AddYears(60)),
        _ => Guid.CreateVersion7(),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_retry_gets_the_first_answer_and_stores_nothing(string kind)
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        var draft = Draft.To(bob.Id, "once", NewId(kind));
        var first = (await ada.PostMessageAsync(draft)).Expect(201).Read<Sent>();
        for (var i = 0; i < 3; i++)
        {
            var retry = (await ada.PostMessageAsync(draft)).Expect(200);
            Assert.Equal(first, retry.Read<Sent>());
            Assert.NotEmpty(retry.Position);
            Assert.Equal(first, await adas.SayAsync(draft));
        }
        var between = await adas.SayAsync(Draft.To(bob.Id, "another", NewId(kind)));
        Assert.Equal(first, (await ada.PostMessageAsync(draft)).Expect(200).Read<Sent>());
        Assert.Equal(2, between.Seq);

        await bobs.MessageAsync(between.MessageId);
        Assert.Equal(
            [first.MessageId, between.MessageId],
            bobs.Messages(first.ConversationId).Select(message => message.MessageId));
        Assert.Equal(3, (await ada.TimelineAsync(first.ConversationId, 2)).Count);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Fifty_concurrent_retries_store_one_message(string kind)
    {
        var (ada, bob) = await product.PairAsync();
        var laptop = await ada.AddDeviceAsync();
        await using var phones = await ada.ConnectAsync();
        await using var laptops = await laptop.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        var draft = Draft.To(bob.Id, "once", NewId(kind));

        var posts = Enumerable.Range(0, 30).Select(i => (i % 2 == 0 ? ada : laptop).PostMessageAsync(draft)).ToList();
        var frames = Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? phones : laptops).SendAsync(draft)).ToList();
        var answers = await Task.WhenAll(posts);
        await Task.WhenAll(frames);
        await phones.PingAsync();
        await laptops.PingAsync();

        async Task<IEnumerable<Sent>> Acks(ChatSocket socket)
        {
            await Eventually.BeAsync(
                () => socket.Frames().Count(f => ChatSocket.AnswersTo(f, draft.Id)) >= 10,
                "ten answers over the socket");
            return socket.Frames().Where(f => ChatSocket.AnswersTo(f, draft.Id))
                .Select(f => f.Op == "ack" ? Json.Read<Sent>(f.Body) : throw new Xunit.Sdk.XunitException(f.Raw));
        }
        var all = answers.Select(answer => answer.Expect(200, 201).Read<Sent>())
            .Concat(await Acks(phones)).Concat(await Acks(laptops)).ToList();
        Assert.Equal(50, all.Count);
        var sent = Assert.Single(all.Distinct());
        Assert.True(answers.Count(answer => answer.Status == 201) <= 1, "Only the first is 201.");

        var marker = await ada.SayAsync(bob, "the end");
        Assert.Equal(2, marker.Seq);
        await bobs.MessageAsync(marker.MessageId);
        Assert.Equal(
            [sent.MessageId, marker.MessageId],
            bobs.Messages(sent.ConversationId).Select(message => message.MessageId));
        Assert.Equal(3, (await bob.TimelineAsync(sent.ConversationId, 2)).Count);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task The_same_id_with_another_body_is_a_conflict(string kind)
    {
        var (ada, bob) = await product.PairAsync();
        var carol = await product.RegisterAsync("Carol");
        await using var adas = await ada.ConnectAsync();
        var draft = Draft.To(bob.Id, "the first", NewId(kind));
        var first = (await ada.PostMessageAsync(draft)).Expect(201).Read<Sent>();
        await ada.SayAsync(carol, "we have talked before");

        Draft[] others =
        [
            draft.With("text", "the second"),
            draft.With("receiver_id", carol.Id),
            draft.With("receiver_id", (await product.RegisterAsync("Dora")).Id),
            draft.With("text", "THE FIRST"),
            draft.With("reply_to", Guid.CreateVersion7()),
            draft.Without("text").With("ciphertext", Convert.ToBase64String("the first"u8)),
        ];
        foreach (var other in others)
        {
            (await ada.PostMessageAsync(other)).Expect(409, "message_id_reused");
            var mark = adas.Mark();
            await adas.SendAsync(other);
            var refused = await adas.NextAsync(f => ChatSocket.AnswersTo(f, draft.Id), "the refusal", mark);
            Assert.Equal("error", refused.Op);
            Assert.Equal("message_id_reused", refused.Body.GetProperty("problem").Text("code"));
        }
        Assert.Equal(first, (await ada.PostMessageAsync(draft)).Expect(200).Read<Sent>());
        Assert.Equal(2, (await ada.TimelineAsync(first.ConversationId, 1)).Count);
        Assert.DoesNotContain(await bob.UnreadAsync(), message => message.Text != "the first");
    }

    [Fact]
    public async Task An_id_names_one_message_of_a_conversation()
    {
        var (ada, bob) = await product.PairAsync();
        await using var bobs = await bob.ConnectAsync();
        var id = Guid.NewGuid();
        var hers = await ada.SayAsync(bob, "mine", id);
        var his = Draft.To(ada.Id, "mine too", id);

        (await bob.PostMessageAsync(his)).Expect(409, "message_id_reused");
        var mark = bobs.Mark();
        await bobs.SendAsync(his);
        var refused = await bobs.NextAsync(f => f.Op == "error" && ChatSocket.AnswersTo(f, id), "the refusal", mark);
        Assert.Equal("message_id_reused", refused.Body.GetProperty("problem").Text("code"));

        Assert.Equal(2, (await bob.TimelineAsync(hers.ConversationId, 1)).Count);
    }

    [Fact]
    public async Task A_retry_after_hundreds_of_later_messages_is_still_known()
    {
        var (ada, bob) = await product.PairAsync();
        await using var adas = await ada.ConnectAsync();
        var firsts = new List<(Draft Draft, Sent Sent)>();
        foreach (var kind in (string[])["version 4", "old version 7", "future version 7", "fresh version 7"])
        {
            var draft = Draft.To(bob.Id, $"first of {kind}", NewId(kind));
            firsts.Add((draft, await adas.SayAsync(draft)));
        }
        var later = Enumerable.Range(0, 320)
            .Select(i => Draft.To(bob.Id, $"later {i}", NewId(i % 2 == 0 ? "version 4" : "fresh version 7"))).ToList();
        foreach (var draft in later) await adas.SendAsync(draft);
        foreach (var draft in later) await adas.AckAsync(draft.Id);

        foreach (var (draft, sent) in firsts)
        {
            Assert.Equal(sent, (await ada.PostMessageAsync(draft)).Expect(200).Read<Sent>());
            Assert.Equal(sent, await adas.SayAsync(draft));
            (await ada.PostMessageAsync(draft.With("text", "changed"))).Expect(409, "message_id_reused");
        }
        Assert.Equal(325, (await bob.TimelineAsync(firsts[0].Sent.ConversationId, 324)).Count);
    }
}
