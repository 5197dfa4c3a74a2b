using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Contacts, blocks, presence and typing.</summary>
public sealed class PeopleSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task Contacts_are_found_by_phone()
    {
        var (ada, bob) = await product.PairAsync();
        var unknown = Phones.Next();
        var found = (await ada.PostAsync("/v1/contacts/lookup", new { phones = new[] { unknown, bob.Phone } }))
            .Expect(200).Json.GetProperty("matches");
        var match = Assert.Single(found.EnumerateArray());
        Assert.Equal((bob.Phone, bob.Id, "Bob"), (match.Text("phone"), match.Id("user_id"), match.Text("name")));

        foreach (var body in (object[])[new { }, new { phones = bob.Phone }, new { phones = new object[] { 5 } },
            new { phones = Enumerable.Range(0, 5_000).Select(_ => bob.Phone) }])
            (await ada.PostAsync("/v1/contacts/lookup", body)).Expect(400);
        (await product.Api.PostAsync("/v1/contacts/lookup", new { phones = new[] { bob.Phone } })).Expect(401);
        Assert.DoesNotContain(bob.Phone, (await ada.GetAsync($"/v1/users/{bob.Id}")).Expect(200).Body);
    }

    [Fact]
    public async Task A_blocked_user_is_refused_until_unblocked()
    {
        var (ada, bob) = await product.PairAsync();
        await using var bobs = await bob.ConnectAsync();
        var before = Draft.To(ada.Id, "before");
        var first = await bobs.SayAsync(before);

        (await ada.PutAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);
        (await ada.PutAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);
        Assert.Contains(bob.Id.ToString(), (await ada.GetAsync("/v1/blocks")).Expect(200).Body);

        (await bob.PostMessageAsync(Draft.To(ada.Id, "by id"))).Expect(403, "blocked");
        (await bob.PostMessageAsync(Draft.To(ada.Phone, "by phone"))).Expect(403, "blocked");
        (await bob.PostMessageAsync(Draft.In(first.ConversationId, "in the conversation"))).Expect(403, "blocked");
        var pair = new Group(first.ConversationId, "");
        (await pair.EditAsync(bob, first.MessageId, "by an edit")).Expect(403, "blocked");
        (await pair.ReactAsync(bob, first.MessageId, "👎")).Expect(403, "blocked");
        (await pair.UnreactAsync(bob, first.MessageId)).Expect(204);
        (await bob.PatchAsync(pair.Path, new { retention = new { days = 1 } })).Expect(403, "blocked");
        (await pair.ReactAsync(ada, first.MessageId, "👍")).Expect(204);
        var refused = Draft.In(first.ConversationId, "by socket");
        await bobs.SendAsync(refused);
        var error = await bobs.NextAsync(f => ChatSocket.AnswersTo(f, refused.Id), "the refusal");
        Problems.Check(error.Body.GetProperty("problem"), 403, error.Raw);
        Assert.Equal("blocked", error.Body.GetProperty("problem").Text("code"));
        Assert.Equal(first, (await bob.PostMessageAsync(before)).Expect(200).Read<Sent>());
        var mark = bobs.Mark();
        await bobs.SendAsync(before);
        Assert.Equal(
            first, Json.Read<Sent>((await bobs.NextAsync(f => f.Op == "ack", "the first answer again", mark)).Body));

        (await ada.DeleteAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);
        Assert.DoesNotContain(bob.Id.ToString(), (await ada.GetAsync("/v1/blocks")).Expect(200).Body);
        mark = bobs.Mark();
        await bobs.SendAsync(refused);
        Assert.Equal(
            first.Seq + 2,
            (await bobs.NextAsync(f => ChatSocket.AnswersTo(f, refused.Id), "its acceptance", mark))
                .Body.Number("seq"));
        Assert.Equal(["before", "by socket"], (await ada.UnreadAsync()).Select(message => message.Text));
    }

    [Fact]
    public async Task Presence_is_shown_to_users_who_share_a_conversation()
    {
        var (ada, bob) = await product.PairAsync();
        var carol = await product.RegisterAsync("Carol");
        await bob.SayAsync(ada, "hello");
        await using var adas = await ada.ConnectAsync();
        await adas.SendAsync(new { op = "subscribe_presence", user_ids = new[] { bob.Id, carol.Id } });
        await adas.PresenceAsync(bob.Id, online: false);

        await using (var first = await bob.ConnectAsync())
        {
            await adas.PresenceAsync(bob.Id, online: true);
            await using (var second = await bob.ConnectAsync()) await second.PingAsync();
            await adas.PingAsync();
        }
        var came = adas.Frames().ToList()
            .FindIndex(f => f.Op == "presence" && f.Body.GetProperty("online").GetBoolean());
        var gone = await adas.PresenceAsync(bob.Id, online: false, came);
        Assert.InRange(
            DateTimeOffset.Parse(gone.Body.Text("last_seen")!, null),
            DateTimeOffset.UtcNow.AddMinutes(-1),
            DateTimeOffset.UtcNow.AddMinutes(1));

        await using var carols = await carol.ConnectAsync();
        await carols.SendAsync(new { op = "subscribe_presence", user_ids = new[] { ada.Id, bob.Id } });
        await carols.PingAsync();
        await adas.PingAsync();
        Assert.DoesNotContain(carols.Frames(), f => f.Op is "presence" or "error");
        Assert.DoesNotContain(adas.Frames(), f => f.Op == "presence" && f.Body.Id("user_id") == carol.Id);
        Assert.Equal(
            [false, true, false],
            adas.Frames().Where(f => f.Op == "presence").Select(f => f.Body.GetProperty("online").GetBoolean()));
    }

    [Fact]
    public async Task Typing_reaches_the_other_members_and_nobody_else()
    {
        var (ada, bob) = await product.PairAsync();
        var eve = await product.RegisterAsync("Eve");
        var conversation = (await bob.SayAsync(ada, "hello")).ConversationId;
        await eve.SayAsync(ada, "hello");
        await using var phones = await ada.ConnectAsync();
        await using var laptops = await (await ada.AddDeviceAsync()).ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        await using var eves = await eve.ConnectAsync();

        foreach (var active in (bool[])[true, false])
        {
            await bobs.SendAsync(new { op = "typing", conversation_id = conversation, active });
            await phones.TypingAsync(conversation, bob.Id, active);
            await laptops.TypingAsync(conversation, bob.Id, active);
        }
        await bobs.PingAsync();
        await eves.PingAsync();
        Assert.DoesNotContain(bobs.Frames().Concat(eves.Frames()), f => f.Op == "typing");
        Assert.Equal(2, (await ada.TimelineAsync(conversation)).Count);
    }

    [Fact]
    public async Task A_block_hides_typing_and_presence_both_ways()
    {
        var (ada, bob) = await product.PairAsync();
        var conversation = (await bob.SayAsync(ada, "hello")).ConversationId;
        await ada.SayAsync(bob, "hello"); // Only those who have written are watched.
        await using var adas = await ada.ConnectAsync();
        (await ada.PutAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);

        await using (var bobs = await bob.ConnectAsync())
        {
            await bobs.SendAsync(new { op = "typing", conversation_id = conversation, active = true });
            await bobs.SendAsync(new { op = "subscribe_presence", user_ids = new[] { ada.Id } });
            await adas.SendAsync(new { op = "subscribe_presence", user_ids = new[] { bob.Id } });
            await adas.SendAsync(new { op = "typing", conversation_id = conversation, active = true });
            await bobs.PingAsync();
            await adas.PingAsync();
            Assert.DoesNotContain(bobs.Frames().Concat(adas.Frames()), f => f.Op is "typing" or "presence" or "error");
        }

        (await ada.DeleteAsync($"/v1/blocks/{bob.Id}")).Expect(200, 204);
        await using var again = await bob.ConnectAsync();
        await again.SendAsync(new { op = "subscribe_presence", user_ids = new[] { ada.Id } });
        await again.PresenceAsync(ada.Id, online: true);
        await again.SendAsync(new { op = "typing", conversation_id = conversation, active = true });
        await adas.TypingAsync(conversation, bob.Id, active: true);
    }
}
