using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Groups: membership, visibility and permissions.</summary>
public sealed class GroupSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task Six_people_write_at_once_and_all_see_one_order()
    {
        const int each = 40;
        var people = await PeopleAsync(6);
        var group = await Group.StartAsync(people[0], "Everybody", [.. people[1..]]);
        var sockets = new List<ChatSocket>();
        foreach (var person in people) sockets.Add(await person.ConnectAsync());
        try
        {
            var drafts = people.Select(
                (_, n) => Enumerable.Range(0, each).Select(i => Draft.In(group.Id, $"{n}/{i}")).ToList()).ToList();
            await Task.WhenAll(sockets.Select((socket, n) => OrderSpecs.PipelineAsync(socket, drafts[n])));
            var acks = new List<Sent>();
            for (var n = 0; n < 6; n++) acks.AddRange(await OrderSpecs.AcksAsync(sockets[n], drafts[n]));

            Assert.Equal(Enumerable.Range(1, 6 * each).Select(i => (long)i), acks.Select(sent => sent.Seq).Order());
            var order = acks.OrderBy(sent => sent.Seq).Select(sent => sent.MessageId).ToList();
            foreach (var own in drafts)
                Assert.Equal(
                    own.Select(draft => draft.Id), order.Where(own.Select(draft => draft.Id).ToHashSet().Contains));
            foreach (var (person, n) in people.Select((person, n) => (person, n)))
            {
                Assert.Equal(
                    order,
                    (await person.TimelineAsync(group.Id, 6 * each)).Skip(1).Select(entry => entry.Message!.MessageId));
                var others = order.Except(drafts[n].Select(draft => draft.Id)).ToList();
                await sockets[n].MessageAsync(others[^1]);
                Assert.Equal(others, sockets[n].Messages(group.Id).Select(message => message.MessageId));
                sockets[n].KeptOrder();
                Assert.Equal(5 * each, (await person.InboxItemAsync(group.Id)).UnreadCount);
                Assert.Equal(
                    5 * each, (await person.UnreadAsync()).Count(message => message.ConversationId == group.Id));
            }
        }
        finally
        {
            foreach (var socket in sockets) await socket.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_group_starts_with_its_creator_as_admin_and_its_title()
    {
        var (ada, bob) = await product.PairAsync();
        var cat = await product.RegisterAsync("Cat");
        await using var bobs = await bob.ConnectAsync();
        var body = new { type = "group", title = "Climbing", member_ids = new[] { bob.Id, ada.Id, bob.Id, cat.Id } };
        var started = (await ada.PostAsync("/v1/conversations", body)).Expect(201).Json;
        var group = new Group(started.Id("conversation_id"), "");

        Assert.Equal(("group", "Climbing"), (started.Text("type"), started.Text("title")));
        Assert.Equal(
            [(ada.Id, "admin", 0L), (bob.Id, "member", 0L), (cat.Id, "member", 0L)], await group.MembersAsync(bob));
        var frame = (await bobs.NextAsync(f => f.Is("update", group.Id), "the start")).Body;
        Assert.Equal(
            ("conversation_started", 0L, ada.Id), (frame.Text("kind"), frame.Number("seq"), frame.Id("actor_id")));
        Assert.Equal("Climbing", frame.GetProperty("data").Text("title"));
        foreach (var person in (Person[])[ada, bob, cat])
        {
            var item = await person.InboxItemAsync(group.Id);
            Assert.Equal(("group", "Climbing", 0L), (item.Type, item.Title, item.UnreadCount));
        }
        var names = (await ada.GetAsync($"{group.Path}/members"))
            .Expect(200).Json.GetProperty("members").EnumerateArray();
        Assert.Equal(["Ada", "Bob", "Cat"], names.Select(member => member.Text("name")).Order());

        var (alone, again) = (await Group.StartAsync(ada, "Alone"), await Group.StartAsync(ada, "Alone"));
        Assert.NotEqual(alone.Id, again.Id);
        Assert.Single(await alone.MembersAsync(ada));
    }

    [Fact]
    public async Task An_invalid_group_is_refused()
    {
        var (ada, bob) = await product.PairAsync();
        string?[] titles =
            [null, "", "   ", new string('x', 101), string.Concat(Enumerable.Repeat("👍", 101)), "two\nlines"];
        foreach (var title in titles)
            (await ada.PostAsync("/v1/conversations", new { type = "group", title, member_ids = new[] { bob.Id } }))
                .Expect(400);
        (await ada.PostAsync(
            "/v1/conversations",
            new { type = "group", title = "x", member_ids = new[] { bob.Id }, encryption = "mls" })).Expect(400);
        (await ada.PostAsync("/v1/conversations", new { type = "club", title = "x", member_ids = new[] { bob.Id } }))
            .Expect(400);
        (await ada.PostAsync("/v1/conversations", new { type = "group", title = "x", member_ids = new[] { "bob" } }))
            .Expect(400);
        (await ada.PostAsync(
            "/v1/conversations",
            new { type = "group", title = "x", member_ids = new[] { bob.Id, Guid.CreateVersion7() } }))
            .Expect(404, "user_unknown");
        Assert.Empty(await bob.InboxAsync());
        (await ada.PostAsync(
            "/v1/conversations",
            new { type = "group", title = string.Concat(Enumerable.Repeat("👍", 100)), member_ids = new[] { bob.Id } }))
            .Expect(201);
    }

    [Fact]
    public async Task A_member_sees_entries_from_joining_until_leaving()
    {
        var (ada, bob) = await product.PairAsync();
        var (cat, dan) = (await product.RegisterAsync("Cat"), await product.RegisterAsync("Dan"));
        var group = await Group.StartAsync(ada, "Coming and going", bob);
        var before = await group.SayAsync(ada, "before cat"); // 1
        await using var cats = await cat.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();

        (await group.AddAsync(ada, cat)).Expect(200); // 2
        var first = await group.SayAsync(bob, "hello cat"); // 3
        await cats.MessageAsync(first.MessageId);
        Assert.Equal([2, 3], SeqsOf(cats, group));
        Assert.Equal("member_added", cats.Frames().First(f => f.Is("update", group.Id)).Body.Text("kind"));
        Assert.Equal([2, 3], (await group.EntriesAsync(cat)).Select(entry => entry.Seq));
        Assert.Equal(2, (await group.MembersAsync(cat))[2].JoinedSeq);
        Assert.Equal(1, (await cat.InboxItemAsync(group.Id)).UnreadCount);
        Assert.Equal([first.MessageId], (await cat.UnreadAsync()).Select(message => message.MessageId));
        (await cat.GetAsync($"{group.Path}/messages/{before.MessageId}")).Expect(404, "message_unknown");
        (await group.ReactAsync(cat, before.MessageId, "👍")).Expect(404, "message_unknown");
        (await cat.PostMessageAsync(Draft.In(group.Id, "to what?").With("reply_to", before.MessageId)))
            .Expect(404, "message_unknown");
        Assert.Equal(
            [first.MessageId],
            (await cat.GetAsync($"{group.Path}/messages?limit=50"))
                .Expect(200).Json.GetProperty("messages").EnumerateArray()
                .Select(message => message.GetProperty("message_id").GetGuid()));

        var mark = cats.Mark();
        (await group.RemoveAsync(ada, cat)).Expect(204); // 4
        await group.SayAsync(ada, "without cat"); // 5
        (await group.RemoveAsync(ada, cat)).Expect(404, "member_unknown");
        await IsHiddenFromAsync(cat, group);
        await Eventually.BeAsync(() => SeqsOf(bobs, group).Contains(5), "bob gets what follows");
        await cats.PingAsync();
        Assert.All(
            cats.Frames(mark).Where(f => f.Is("message", group.Id) || f.Is("update", group.Id)),
            f => Assert.Equal(4, f.Body.Number("seq")));

        (await group.AddAsync(ada, cat, dan)).Expect(200); // 6, 7
        var back = await group.SayAsync(ada, "welcome back"); // 8
        await cats.MessageAsync(back.MessageId);
        Assert.Equal([6, 7, 8], SeqsOf(cats, group, mark).Where(seq => seq > 4));
        Assert.Equal([6, 7, 8], (await group.EntriesAsync(cat)).Select(entry => entry.Seq));
        Assert.Equal([7, 8], (await group.EntriesAsync(dan)).Select(entry => entry.Seq));
        Assert.Equal([back.MessageId], (await cat.UnreadAsync()).Select(message => message.MessageId));
        await using var catAgain = await cat.ConnectAsync();
        Assert.Equal([6, 7, 8], SeqsOf(catAgain, group));

        (await group.LeaveAsync(cat)).Expect(204); // 9
        await IsHiddenFromAsync(cat, group);
        await using var catOut = await cat.ConnectAsync();
        Assert.Empty(SeqsOf(catOut, group));
        Assert.Equal(
            ["conversation_started", "message", "member_added", "message", "member_removed", "message", "member_added",
                "member_added", "message", "member_left"],
            (await ada.TimelineAsync(group.Id, 9)).Select(entry => entry.Kind));
    }

    [Fact]
    public async Task Only_admins_change_a_group_and_strangers_do_not_learn_of_it()
    {
        var (ada, bob) = await product.PairAsync();
        var (cat, eve) = (await product.RegisterAsync("Cat"), await product.RegisterAsync("Eve"));
        var group = await Group.StartAsync(ada, "Ours", bob);
        foreach (var (who, status, code) in new[] { (bob, 403, "not_an_admin"), (eve, 404, "conversation_unknown") })
        {
            (await group.AddAsync(who, cat)).Expect(status, code);
            (await group.RemoveAsync(who, ada)).Expect(status, code);
            (await group.ChangeRoleAsync(who, who, "admin")).Expect(status, code);
            (await who.PatchAsync(group.Path, new { title = "Mine" })).Expect(status, code);
            (await who.PatchAsync(group.Path, new { retention = new { days = 1 } })).Expect(status, code);
        }
        await IsHiddenFromAsync(eve, group);

        (await group.AddAsync(ada)).Expect(400);
        (await ada.PostAsync($"{group.Path}/members", new { user_ids = new[] { Guid.CreateVersion7() } }))
            .Expect(404, "user_unknown");
        (await group.RemoveAsync(ada, eve)).Expect(404, "member_unknown");
        (await group.ChangeRoleAsync(ada, eve, "admin")).Expect(404, "member_unknown");
        (await group.ChangeRoleAsync(ada, bob, "king")).Expect(400);
        (await group.ChangeRoleAsync(ada, ada, "member")).Expect(409, "last_admin");
        (await ada.PatchAsync(group.Path, new { })).Expect(400);
        (await ada.PatchAsync(group.Path, new { title = "" })).Expect(400);
        (await ada.PatchAsync(group.Path, new { retention = new { days = 0 } })).Expect(400);
        (await ada.PatchAsync(group.Path, new { retention = new { disappearing_seconds = 1 } })).Expect(400);
        Assert.Equal(0, (await ada.TimelinePageAsync(group.Id)).LastSeq);

        var direct = (await ada.PostAsync("/v1/conversations", new { type = "direct", member_ids = new[] { bob.Id } }))
            .Expect(201).Json.Id("conversation_id");
        var pair = new Group(direct, "");
        (await pair.AddAsync(ada, cat)).Expect(400, "not_a_group");
        (await pair.RemoveAsync(ada, bob)).Expect(400, "not_a_group");
        (await pair.LeaveAsync(ada)).Expect(400, "not_a_group");
        (await pair.ChangeRoleAsync(ada, bob, "admin")).Expect(400, "not_a_group");
        (await ada.PatchAsync(pair.Path, new { title = "Us" })).Expect(400, "not_a_group");
        (await bob.PatchAsync(pair.Path, new { retention = new { days = 3 } })).Expect(200);
    }

    [Fact]
    public async Task When_the_last_admin_leaves_the_longest_standing_member_becomes_admin()
    {
        var people = await PeopleAsync(4);
        var (ada, bob, cat, dan) = (people[0], people[1], people[2], people[3]);
        var group = await Group.StartAsync(ada, "Succession", bob);
        (await group.AddAsync(ada, cat)).Expect(200);
        (await group.AddAsync(ada, cat, dan)).Expect(200); // Cat is a member already.
        (await group.ChangeRoleAsync(ada, cat, "admin")).Expect(204);
        (await group.ChangeRoleAsync(ada, cat, "admin")).Expect(204);
        await using var dans = await dan.ConnectAsync();

        (await group.LeaveAsync(ada)).Expect(204);
        Assert.Equal(
            [(bob.Id, "member"), (cat.Id, "admin"), (dan.Id, "member")],
            (await group.MembersAsync(dan)).Select(member => (member.User, member.Role)));
        (await group.LeaveAsync(cat)).Expect(204);
        Assert.Equal(
            [(bob.Id, "admin"), (dan.Id, "member")],
            (await group.MembersAsync(dan)).Select(member => (member.User, member.Role)));
        var change = (await dans.NextAsync(
            f => f.Is("update", group.Id) && f.Body.Text("kind") == "role_changed"
                && f.Body.GetProperty("data").Id("user_id") == bob.Id,
            "bob's new role")).Body;
        Assert.Equal("admin", change.GetProperty("data").Text("role"));
        (await group.LeaveAsync(dan)).Expect(204);
        (await group.LeaveAsync(bob)).Expect(204);
        foreach (var person in people) await IsHiddenFromAsync(person, group);
    }

    [Fact]
    public async Task A_new_title_and_retention_reach_all_members()
    {
        var (ada, bob) = await product.PairAsync();
        var group = await Group.StartAsync(ada, "Old", bob);
        var early = await group.SayAsync(ada, "for a month");
        await using var bobs = await bob.ConnectAsync();

        var changed = (await ada.PatchAsync(
            group.Path,
            new { title = "New", retention = new { days = 7, disappearing_seconds = 3600 } })).Expect(200).Json;
        Assert.Equal("New", changed.Text("title"));
        var retention = changed.GetProperty("retention");
        Assert.Equal((7L, 3600L), (retention.Number("days"), retention.Number("disappearing_seconds")));
        // Already so: no event.
        (await ada.PatchAsync(group.Path, new { title = "New", retention = new { days = 7 } })).Expect(200);
        var late = await group.SayAsync(bob, "for an hour");
        await bobs.MessageAsync(late.MessageId);

        Assert.Equal(
            ["group_renamed", "retention_changed"],
            bobs.Frames().Where(f => f.Is("update", group.Id) && f.Body.Number("seq") > 1)
                .Select(f => f.Body.Text("kind")));
        Assert.Equal(
            "New",
            bobs.Frames().First(f => f.Body.Text("kind") == "group_renamed").Body.GetProperty("data").Text("title"));
        Assert.Equal("New", (await bob.InboxItemAsync(group.Id)).Title);
        Assert.Equal((4L, TimeSpan.FromHours(1)), (late.Seq, await LifetimeAsync(late)));
        // A shorter retention holds for earlier messages, too.
        Assert.Equal(TimeSpan.FromDays(7), await LifetimeAsync(early));
        var back = (await ada.PatchAsync(
            group.Path,
            new { retention = new { days = (int?)null, disappearing_seconds = (int?)null } })).Expect(200).Json;
        Assert.Equal(30, back.GetProperty("retention").Number("days"));
        Assert.Equal(TimeSpan.FromDays(30), await LifetimeAsync(await group.SayAsync(ada, "for a month again")));

        async Task<TimeSpan> LifetimeAsync(Sent sent)
        {
            var message = await group.MessageAsync(bob, sent.MessageId);
            var sentAt = DateTimeOffset.Parse(message.Text("sent_at")!, null);
            var lifetime = DateTimeOffset.Parse(message.Text("expires_at")!, null) - sentAt;
            return TimeSpan.FromMinutes(Math.Round(lifetime.TotalMinutes));
        }
    }

    [Fact]
    public async Task Receipts_go_to_the_senders_of_the_confirmed_messages()
    {
        var people = await PeopleAsync(4);
        var (ada, bob, cat, dan) = (people[0], people[1], people[2], people[3]);
        var group = await Group.StartAsync(ada, "Receipts", bob, cat);
        await using var adas = await ada.ConnectAsync();
        await using var bobs = await bob.ConnectAsync();
        var (one, two) = (await group.SayAsync(ada, "one"), await group.SayAsync(bob, "two")); // 1, 2
        (await group.AddAsync(ada, dan)).Expect(200); // 3
        var three = await group.SayAsync(ada, "three"); // 4

        await cat.ConfirmAsync(group.Id, delivered: 1);
        await adas.ReceiptAsync(group.Id, cat.Id, delivered: 1);
        await cat.ConfirmAsync(group.Id, read: 4);
        await adas.ReceiptAsync(group.Id, cat.Id, read: 4);
        await bobs.ReceiptAsync(group.Id, cat.Id, read: 4);
        // Cat's first receipt covered no message of Bob's.
        Assert.Single(bobs.Frames(), f => f.Is("receipt", group.Id));

        Assert.Equal("sent", (await group.MessageAsync(ada, one.MessageId)).Text("status"));
        await bob.ConfirmAsync(group.Id, delivered: 4);
        Assert.Equal("delivered", (await group.MessageAsync(ada, one.MessageId)).Text("status")); // Dan joined later.
        Assert.Equal("sent", (await group.MessageAsync(ada, three.MessageId)).Text("status"));
        await dan.ConfirmAsync(group.Id, read: 4);
        Assert.Equal("delivered", (await group.MessageAsync(ada, three.MessageId)).Text("status"));
        await bob.ConfirmAsync(group.Id, read: 4);
        Assert.Equal("read", (await group.MessageAsync(ada, three.MessageId)).Text("status"));

        var recipients = (await ada.GetAsync($"{group.Path}/messages/{one.MessageId}/receipts"))
            .Expect(200).Json.GetProperty("recipients").EnumerateArray().ToList();
        Assert.Equal(new[] { bob.Id, cat.Id }.Order(), recipients.Select(recipient => recipient.Id("user_id")).Order());
        Assert.All(recipients, recipient => Assert.NotNull(recipient.Text("read_at")));
        (await cat.GetAsync($"{group.Path}/messages/{one.MessageId}/receipts")).Expect(403, "not_the_sender");
        (await dan.GetAsync($"{group.Path}/messages/{one.MessageId}/receipts")).Expect(404, "message_unknown");

        var four = await group.SayAsync(ada, "four"); // 5
        (await group.LeaveAsync(dan)).Expect(204);
        await bob.ConfirmAsync(group.Id, read: 5);
        await cat.ConfirmAsync(group.Id, read: 5);
        // Dan was a recipient, and left before delivery: the status is that of those who are still there.
        Assert.Equal("read", (await group.MessageAsync(ada, four.MessageId)).Text("status"));
        Assert.Equal("two", (await group.MessageAsync(cat, two.MessageId)).Text("text"));
    }

    private async Task<List<Person>> PeopleAsync(int count)
    {
        var people = new List<Person>();
        for (var n = 0; n < count; n++) people.Add(await product.RegisterAsync($"Person {n}"));
        return people;
    }

    private static List<long> SeqsOf(ChatSocket socket, Group group, int from = 0) =>
    [
        .. socket.Frames(from).Where(f => f.Is("message", group.Id) || f.Is("update", group.Id))
            .Select(f => f.Body.Number("seq")),
    ];

    private static async Task IsHiddenFromAsync(Person who, Group group)
    {
        foreach (var path in new[] { "", "/members", "/messages", "/timeline" })
            (await who.GetAsync(group.Path + path)).Expect(404, "conversation_unknown");
        (await who.PostMessageAsync(Draft.In(group.Id, "hello?"))).Expect(404, "conversation_unknown");
        (await who.PostAsync($"{group.Path}/receipts", new { read_seq = 0 })).Expect(404, "conversation_unknown");
        (await group.LeaveAsync(who)).Expect(404, "conversation_unknown");
        Assert.DoesNotContain(await who.InboxAsync(), item => item.ConversationId == group.Id);
        Assert.DoesNotContain(await who.UnreadAsync(), message => message.ConversationId == group.Id);
    }
}
