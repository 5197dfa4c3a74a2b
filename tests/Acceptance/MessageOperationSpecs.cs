using System.Text.Json;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Edits, deletions, reactions and replies.</summary>
public sealed class MessageOperationSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task Only_the_sender_edits_a_message_and_all_see_the_edit()
    {
        var (ada, bob) = await product.PairAsync();
        var group = await Group.StartAsync(ada, "Edits", bob);
        var sent = await group.SayAsync(bob, "helo");
        await using var adas = await ada.ConnectAsync();

        var edited = (await group.EditAsync(bob, sent.MessageId, "hello")).Expect(200).Json;
        Assert.Equal(("hello", sent.Seq), (edited.Text("text"), edited.Number("seq")));
        Assert.NotNull(edited.Text("edited_at"));
        (await group.EditAsync(bob, sent.MessageId, "hello")).Expect(200);
        var frame = (await adas.NextAsync(f => f.Body.Text("kind") == "message_edited", "the edit")).Body;
        Assert.Equal((2L, bob.Id), (frame.Number("seq"), frame.Id("actor_id")));
        Assert.Equal(
            (sent.MessageId, "hello"),
            (frame.GetProperty("data").Id("message_id"), frame.GetProperty("data").Text("text")));
        foreach (var person in (Person[])[ada, bob])
        {
            var seen = await group.MessageAsync(person, sent.MessageId);
            Assert.Equal(
                ("hello", edited.Text("edited_at"), sent.SentAt),
                (seen.Text("text"), seen.Text("edited_at"), seen.Text("sent_at")));
        }
        Assert.Equal(
            ["conversation_started", "message", "message_edited"],
            (await ada.TimelineAsync(group.Id, 2)).Select(entry => entry.Kind));
        Assert.Equal("hello", (await ada.InboxItemAsync(group.Id)).LastMessage!.Text);
        Assert.Equal(1, (await ada.InboxItemAsync(group.Id)).UnreadCount);

        (await group.EditAsync(ada, sent.MessageId, "mine")).Expect(403, "not_the_sender");
        (await group.EditAsync(bob, Guid.CreateVersion7(), "nothing")).Expect(404, "message_unknown");
        (await group.EditAsync(bob, sent.MessageId, "")).Expect(400);
        (await bob.PatchAsync($"{group.Path}/messages/{sent.MessageId}", new { })).Expect(400);
        (await bob.PatchAsync($"{group.Path}/messages/{sent.MessageId}", new { ciphertext = "AAAA" }))
            .Expect(400, "edit_mismatch");
        (await bob.PatchAsync($"{group.Path}/messages/{sent.MessageId}", new { text = "a", ciphertext = "AAAA" }))
            .Expect(400);
        (await group.EditAsync(await product.RegisterAsync("Eve"), sent.MessageId, "x"))
            .Expect(404, "conversation_unknown");

        // A retry of the edited message still gets the first answer.
        var retry = (await bob.PostMessageAsync(Draft.In(group.Id, "helo", sent.MessageId).With("reply_to", null)))
            .Expect(200).Read<Sent>();
        Assert.Equal(sent, retry);
    }

    [Fact]
    public async Task Members_who_joined_after_a_message_do_not_see_its_edits()
    {
        var (ada, bob) = await product.PairAsync();
        var group = await Group.StartAsync(ada, "Edits", bob);
        var sent = await group.SayAsync(bob, "before Cat");
        var cat = await product.RegisterAsync("Cat");
        (await group.AddAsync(ada, cat)).Expect(200, 204);
        var own = await group.SayAsync(cat, "after Cat");
        await using var adas = await ada.ConnectAsync();
        await using var cats = await cat.ConnectAsync();

        (await group.EditAsync(bob, sent.MessageId, "not for Cat")).Expect(200);
        (await group.EditAsync(cat, own.MessageId, "for all")).Expect(200);

        await using var fresh = await (await cat.AddDeviceAsync()).ConnectAsync();
        foreach (var (socket, text) in ((ChatSocket, string?)[])[(adas, "not for Cat"), (cats, null), (fresh, null)])
        {
            Assert.Equal(text, (await EditOf(socket, sent)).Text("text"));
            Assert.Equal("for all", (await EditOf(socket, own)).Text("text"));
            socket.KeptOrder();
        }
        foreach (var (person, text) in ((Person, string?)[])[(ada, "not for Cat"), (bob, "not for Cat"), (cat, null)])
        {
            var edits = (await group.EntriesAsync(person))
                .Where(entry => entry.Kind == "message_edited").Select(entry => entry.Data!.Value.Text("text"));
            Assert.Equal([text, "for all"], edits);
        }

        static async Task<JsonElement> EditOf(ChatSocket socket, Sent message)
        {
            var frame = await socket.NextAsync(
                f => f.Body.Text("kind") == "message_edited"
                    && f.Body.GetProperty("data").Id("message_id") == message.MessageId,
                "the edit");
            return frame.Body.GetProperty("data");
        }
    }

    [Fact]
    public async Task A_deleted_message_is_gone_for_everyone()
    {
        var (ada, bob) = await product.PairAsync();
        var cat = await product.RegisterAsync("Cat");
        var group = await Group.StartAsync(ada, "Deletions", bob, cat);
        var (own, others, kept) = (
            await group.SayAsync(bob, "first-secret"),
            await group.SayAsync(bob, "second-secret"),
            await group.SayAsync(bob, "kept"));
        (await group.EditAsync(bob, own.MessageId, "third-secret")).Expect(200);
        (await group.ReactAsync(cat, own.MessageId, "👍")).Expect(204);
        await using var cats = await cat.ConnectAsync();
        Assert.Equal(3, (await cat.InboxItemAsync(group.Id)).UnreadCount);

        (await group.DeleteAsync(cat, own.MessageId)).Expect(403, "not_the_sender_or_admin");
        (await group.DeleteAsync(bob, own.MessageId)).Expect(204);
        (await group.DeleteAsync(bob, own.MessageId)).Expect(204);
        (await group.DeleteAsync(ada, others.MessageId)).Expect(204); // As an admin.

        foreach (var person in (Person[])[ada, bob, cat])
        {
            var seen = await group.MessageAsync(person, own.MessageId);
            Assert.Null(seen.Text("text"));
            Assert.Equal(own.Seq, seen.Number("seq"));
            Assert.NotNull(seen.Text("deleted_at"));
            Assert.Empty(seen.GetProperty("reactions").EnumerateObject());
            foreach (var path in new[] { $"{group.Path}/timeline", $"{group.Path}/messages", "/v1/messages",
                "/v1/conversations", group.Path })
                Assert.DoesNotContain("secret", (await person.GetAsync(path)).Expect(200).Body);
            await using var fresh = await (await person.AddDeviceAsync()).ConnectAsync();
            Assert.DoesNotContain(fresh.Frames(), frame => frame.Raw.Contains("secret", StringComparison.Ordinal));
            fresh.KeptOrder();
        }
        await Eventually.BeAsync(
            () => cats.Frames().Count(f => f.Body.Text("kind") == "message_deleted") >= 2, "both deletions");
        var frames = cats.Frames().Where(f => f.Body.Text("kind") == "message_deleted").ToList();
        Assert.Equal(
            [(own.MessageId, bob.Id), (others.MessageId, ada.Id)],
            frames.Select(f => (f.Body.GetProperty("data").Id("message_id"), f.Body.Id("actor_id"))));
        Assert.Equal(1, (await cat.InboxItemAsync(group.Id)).UnreadCount);
        Assert.Equal([kept.MessageId], (await cat.UnreadAsync()).Select(message => message.MessageId));

        (await group.EditAsync(bob, own.MessageId, "again")).Expect(409, "message_deleted");
        (await group.ReactAsync(cat, own.MessageId, "👍")).Expect(409, "message_deleted");
        (await group.UnreactAsync(cat, own.MessageId)).Expect(204);
        (await group.DeleteAsync(bob, Guid.CreateVersion7())).Expect(404, "message_unknown");
        Assert.Equal(
            own,
            (await bob.PostMessageAsync(Draft.In(group.Id, "first-secret", own.MessageId).With("reply_to", null)))
                .Expect(200).Read<Sent>());

        var direct = await ada.SayAsync(bob, "in a direct conversation only the sender may");
        var pair = new Group(direct.ConversationId, "");
        (await pair.DeleteAsync(bob, direct.MessageId)).Expect(403, "not_the_sender_or_admin");
        (await pair.DeleteAsync(ada, direct.MessageId)).Expect(204);
        Assert.Equal(0, (await bob.InboxItemAsync(pair.Id)).UnreadCount);
    }

    [Fact]
    public async Task A_member_has_one_reaction_to_a_message()
    {
        var (ada, bob) = await product.PairAsync();
        var group = await Group.StartAsync(ada, "Reactions", bob);
        var sent = await group.SayAsync(ada, "react!");
        await using var adas = await ada.ConnectAsync();

        foreach (var emoji in new[] { "👍", "👍", "🎉" }) (await group.ReactAsync(bob, sent.MessageId, emoji)).Expect(204);
        (await group.ReactAsync(ada, sent.MessageId, "🎉")).Expect(204);
        AssertReactions(await group.MessageAsync(ada, sent.MessageId), ("🎉", [bob.Id, ada.Id]));
        (await group.UnreactAsync(bob, sent.MessageId)).Expect(204);
        (await group.UnreactAsync(bob, sent.MessageId)).Expect(204);
        (await group.ReactAsync(bob, sent.MessageId, "👨‍👩‍👧‍👦")).Expect(204);
        AssertReactions(await group.MessageAsync(bob, sent.MessageId), ("🎉", [ada.Id]), ("👨‍👩‍👧‍👦", [bob.Id]));

        foreach (var wrong in new object?[] { "", "ok", "👍👍", "a", "1", null, 7 })
            (await bob.PutAsync($"{group.Path}/messages/{sent.MessageId}/reaction", new { emoji = wrong })).Expect(400);
        (await group.ReactAsync(bob, Guid.CreateVersion7(), "👍")).Expect(404, "message_unknown");
        (await group.ReactAsync(await product.RegisterAsync("Eve"), sent.MessageId, "👍"))
            .Expect(404, "conversation_unknown");
        Assert.Equal(
            ["conversation_started", "message", "reaction_set", "reaction_set", "reaction_set", "reaction_cleared",
                "reaction_set"],
            (await bob.TimelineAsync(group.Id, 6)).Select(entry => entry.Kind));
        await adas.NextAsync(f => f.Is("update", group.Id) && f.Body.Number("seq") == 6, "the last reaction");
        adas.KeptOrder();
    }

    [Fact]
    public async Task Concurrent_reactions_all_count()
    {
        var people = new List<Person>();
        for (var n = 0; n < 8; n++) people.Add(await product.RegisterAsync($"Person {n}"));
        var group = await Group.StartAsync(people[0], "All at once", [.. people[1..]]);
        var sent = await group.SayAsync(people[0], "react!");

        await Task.WhenAll(
            people.Select(async (person, n) =>
                (await group.ReactAsync(person, sent.MessageId, n % 2 == 0 ? "👍" : "🎉")).Expect(204)));

        var reactions = Reactions(await group.MessageAsync(people[3], sent.MessageId))
            .ToDictionary(reaction => reaction.Emoji, reaction => reaction.Users.Order());
        Assert.Equal(people.Where((_, n) => n % 2 == 0).Select(person => person.Id).Order(), reactions["👍"]);
        Assert.Equal(people.Where((_, n) => n % 2 == 1).Select(person => person.Id).Order(), reactions["🎉"]);
    }

    [Fact]
    public async Task A_reply_names_the_message_that_it_answers()
    {
        var (ada, bob) = await product.PairAsync();
        var asked = await ada.SayAsync(bob, "lunch?");
        var pair = new Group(asked.ConversationId, "");
        await using var adas = await ada.ConnectAsync();

        var answered = await pair.SayAsync(bob, "yes", replyTo: asked.MessageId);
        Assert.Equal(asked.MessageId, (await adas.MessageAsync(answered.MessageId)).ReplyTo);
        Assert.Equal(asked.MessageId, (await ada.MessageAsync(pair.Id, answered.MessageId)).ReplyTo);
        (await bob.PostMessageAsync(Draft.In(pair.Id, "no").With("reply_to", Guid.CreateVersion7())))
            .Expect(404, "message_unknown");
        (await bob.PostMessageAsync(Draft.In(pair.Id, "no").With("reply_to", "lunch"))).Expect(400);
        var elsewhere = await ada.SayAsync(await product.RegisterAsync("Cat"), "dinner?");
        (await ada.PostMessageAsync(Draft.In(pair.Id, "no").With("reply_to", elsewhere.MessageId)))
            .Expect(404, "message_unknown");
    }

    private static void AssertReactions(JsonElement message, params (string Emoji, Guid[] Users)[] reactions)
    {
        var shown = Reactions(message);
        Assert.Equal(reactions.Select(reaction => reaction.Emoji), shown.Select(reaction => reaction.Emoji));
        Assert.All(reactions.Zip(shown), pair => Assert.Equal(pair.First.Users, pair.Second.Users));
    }

    private static List<(string Emoji, List<Guid> Users)> Reactions(JsonElement message) =>
    [
        .. message.GetProperty("reactions").EnumerateObject().Select(reaction =>
            (reaction.Name, reaction.Value.EnumerateArray().Select(user => user.GetGuid()).ToList())),
    ];
}
