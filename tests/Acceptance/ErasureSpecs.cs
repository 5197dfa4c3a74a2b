using System.Security.Cryptography;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;
using Npgsql;

namespace ChatCqrs.Acceptance;

/// <summary>A user erases their account: the user is gone; messages of others stay.</summary>
public sealed class ErasureSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task An_erased_user_loses_access_on_every_device_at_once()
    {
        var (ada, bob) = await product.PairAsync();
        var laptop = await ada.AddDeviceAsync();
        await using var phones = await ada.ConnectAsync();
        await using var laptops = await laptop.ConnectAsync();

        var erased = (await ada.DeleteAsync("/v1/users/me")).Expect(204);

        Assert.NotEmpty(erased.Position);
        Assert.Equal(1008, await phones.ClosedAsync());
        Assert.Equal(1008, await laptops.ClosedAsync());
        foreach (var device in (Person[])[ada, laptop])
        {
            (await device.GetAsync("/v1/users/me")).Expect(401);
            (await device.PostMessageAsync(Draft.To(bob.Id, "from beyond"))).Expect(401);
            (await device.DeleteAsync("/v1/users/me")).Expect(401);
            (await product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = device.Session.RefreshToken }))
                .Expect(401);
        }

        (await bob.GetAsync($"/v1/users/{ada.Id}", erased.Position)).Expect(404, "user_unknown");
        Assert.Empty(
            (await bob.PostAsync("/v1/contacts/lookup", new { phones = (string[])[ada.Phone] }))
                .Expect(200).Json.GetProperty("matches").EnumerateArray());
        (await bob.PostAsync("/v1/conversations", new { type = "direct", member_ids = (Guid[])[ada.Id] }))
            .Expect(404, "user_unknown");
        (await bob.PostMessageAsync(Draft.To(ada.Id, "hello?"))).Expect(404, "user_unknown");
        (await bob.PutAsync($"/v1/blocks/{ada.Id}")).Expect(404, "user_unknown");
    }

    [Fact]
    public async Task The_other_member_keeps_the_conversation_and_their_own_messages()
    {
        var (ada, bob) = await product.PairAsync();
        var before = Draft.To(ada.Id, "what Bob said");
        var bobs = (await bob.PostMessageAsync(before)).Expect(201).Read<Sent>();
        var byPhone = Draft.To(ada.Id, "what Bob said by phone").With("receiver_id", ada.Phone);
        var second = (await bob.PostMessageAsync(byPhone)).Expect(201).Read<Sent>();
        var adas = await ada.SayAsync(bob, "what Ada said");
        var conversation = adas.ConversationId;
        (await ada.PutAsync(
            $"/v1/conversations/{conversation}/messages/{bobs.MessageId}/reaction",
            new { emoji = "👍" })).Expect(200, 204);

        var position = (await ada.DeleteAsync("/v1/users/me")).Expect(204).Position;

        var item = await bob.InboxItemAsync(conversation, position);
        Assert.Null(item.LastMessage!.Text);
        var seen = (await bob.GetAsync($"/v1/conversations/{conversation}/messages"))
            .Expect(200).Json.GetProperty("messages").EnumerateArray().ToList();
        Assert.Equal(["what Bob said", "what Bob said by phone", null], seen.Select(message => message.Text("text")));
        Assert.Equal([false, false, true], seen.Select(message => message.Text("deleted_at") is not null));
        Assert.Equal(adas.MessageId, seen[2].Id("message_id"));
        await using var socket = await bob.ConnectAsync();
        var frame = await socket.NextAsync(
            f => f.Is("message", conversation) && f.Body.Id("message_id") == adas.MessageId, "Ada's message");
        Assert.True(frame.Body.Text("text") is null && frame.Body.Text("deleted_at") is not null, frame.Raw);
        var details = (await bob.GetAsync($"/v1/conversations/{conversation}")).Expect(200).Json;
        Assert.Equal(2, details.GetProperty("members").GetArrayLength());

        // A retry gets the first answer; a new message is refused.
        Assert.Equal(bobs, (await bob.PostMessageAsync(before)).Expect(200).Read<Sent>());
        Assert.Equal(second, (await bob.PostMessageAsync(byPhone)).Expect(200).Read<Sent>());
        (await bob.PostMessageAsync(Draft.In(conversation, "anybody there?"))).Expect(404, "user_unknown");
    }

    [Fact]
    public async Task An_erased_admin_leaves_their_groups_and_a_member_takes_over()
    {
        var (ada, bob) = await product.PairAsync();
        var cid = await product.RegisterAsync("Cid");
        var group = await Group.StartAsync(ada, "Climbing", bob, cid);
        var said = await group.SayAsync(ada, "see you at the wall");
        await using var bobs = await bob.ConnectAsync();
        var mark = bobs.Mark();

        var position = (await ada.DeleteAsync("/v1/users/me")).Expect(204).Position;

        var left = await bobs.NextAsync(
            f => f.Is("update", group.Id) && f.Body.Text("kind") == "member_left", "Ada's leaving", mark);
        Assert.Equal(ada.Id, left.Body.GetProperty("data").Id("user_id"));
        await bobs.NextAsync(
            f => f.Is("update", group.Id) && f.Body.Text("kind") == "role_changed", "Bob's promotion", mark);
        Assert.Equal(
            [(bob.Id, "admin"), (cid.Id, "member")],
            (await group.MembersAsync(cid)).Select(member => (member.User, member.Role)));
        Assert.Null(
            (await bob.GetAsync($"{group.Path}/messages/{said.MessageId}", position)).Expect(200).Json.Text("text"));
        Assert.Null((await bob.GetAsync(group.Path)).Expect(200).Json.Text("title")); // Ada wrote the title.
        (await bob.PatchAsync(group.Path, new { title = "Bouldering" })).Expect(200);
        await group.SayAsync(cid, "it goes on");
        (await group.AddAsync(bob, ada)).Expect(404, "user_unknown");
    }

    [Fact]
    public async Task An_erased_user_s_phone_may_register_as_a_new_user()
    {
        var (ada, bob) = await product.PairAsync();
        var old = await ada.SayAsync(bob, "before");
        var waiting = (await product.Api.PostAsync("/v1/registrations", new { phone = ada.Phone, name = "Ada" }))
            .Expect(202).Read<Registration>();
        (await ada.DeleteAsync("/v1/users/me")).Expect(204);

        // A code sent before the erasure is void.
        (await product.Api.PostAsync(
            $"/v1/registrations/{waiting.RegistrationId}/verification",
            new { code = waiting.Code, device = new { name = "x", platform = "web" } })).Expect(404, 410);
        var again = await Person.RegisterAsync(product.Api, ada.Phone, "Ada the second");

        Assert.NotEqual(ada.Id, again.Id);
        Assert.Empty(await again.InboxAsync());
        (await again.GetAsync($"/v1/conversations/{old.ConversationId}")).Expect(404);
        var sent = (await bob.PostMessageAsync(Draft.To(ada.Id, "welcome").With("receiver_id", ada.Phone)))
            .Expect(201).Read<Sent>();
        Assert.NotEqual(old.ConversationId, sent.ConversationId);
        Assert.Equal("welcome", (await again.MessageAsync(sent.ConversationId, sent.MessageId)).Text);
        Assert.Equal("Ada the second", (await bob.GetAsync($"/v1/users/{again.Id}")).Expect(200).Json.Text("name"));
    }

    [Fact]
    public async Task Concurrent_erasures_of_one_user_are_one_erasure()
    {
        var ada = await product.RegisterAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => ada.DeleteAsync("/v1/users/me")));
        Assert.Contains(answers, answer => answer.Status == 204);
        Assert.All(answers, answer => answer.Expect(204, 401));
    }
}

/// <summary>After an erasure the stores hold nothing readable of the user's name, phone or texts.</summary>
public sealed class ErasureProofSpecs
{
    [OwnServerFact]
    public async Task No_remaining_key_opens_anything_of_an_erased_user()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var (name, device, text) = (Marker("Name"), Marker("Phone"), Marker("Text"));
        var ada = await Person.RegisterAsync(server.Api, name: name, device: device);
        var bob = await Person.RegisterAsync(server.Api, name: "Bob");
        var group = await Group.StartAsync(ada, $"Title {text}", bob);
        (await ada.PatchAsync("/v1/users/me", new { about = $"About {text}" })).Expect(200);
        var said = await ada.SayAsync(bob, $"Said {text}");
        var edited = await group.SayAsync(ada, $"First {text}");
        (await group.EditAsync(ada, edited.MessageId, $"Then {text}")).Expect(200, 204);
        var reply = await bob.SayAsync(ada, "The words of Bob");
        // Never verified.
        (await server.Api.PostAsync("/v1/registrations", new { phone = ada.Phone, name })).Expect(202);
        var secrets = new[] { name, text, ada.Phone[1..] }; // JSON may escape the plus sign.
        // Only the log holds a device's name.
        string[] stored = Surroundings.EventStore is null ? [.. secrets, device] : secrets;
        foreach (var (secret, before) in await deployment.Stored().SearchAsync(stored))
        {
            Assert.True(
                before.Opened.Count + before.Plain.Count > 0,
                $"Nothing shows that the search finds {secret}: {before}");
        }

        var position = (await ada.DeleteAsync("/v1/users/me")).Expect(204).Position;

        // What was sealed is unreadable at once. The device's name is cut away once the published log has its event.
        foreach (var (secret, after) in await deployment.Stored().SearchAsync(secrets))
        {
            Assert.True(
                after.Keys > 0 && after.Values > 0 && after.Opened.Count + after.Plain.Count == 0,
                $"{secret}: {after}");
        }

        await Eventually.BeAsync(
            async () => await deployment.Stored().SearchAsync(device) is { Opened: [], Plain: [], Values: > 0 },
            "the device's name is gone");

        foreach (var conversation in new[] { said.ConversationId, group.Id })
            await deployment.IsUnbrokenAsync(conversation);
        Assert.NotEmpty((await deployment.Stored().SearchAsync("The words of Bob")).Opened);
        Assert.Equal(
            "The words of Bob", (await bob.MessageAsync(reply.ConversationId, reply.MessageId, position)).Text);
        foreach (var path in (string[])[
            "/v1/conversations", "/v1/messages", "/v1/blocks", "/metrics",
            group.Path, $"{group.Path}/members", $"{group.Path}/timeline", $"{group.Path}/messages",
            $"/v1/conversations/{said.ConversationId}/timeline", $"/v1/conversations/{said.ConversationId}/members"])
        {
            var answer = (await bob.GetAsync(path, path.StartsWith("/v1", StringComparison.Ordinal) ? position : null))
                .Expect(200).Body;
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, answer, StringComparison.OrdinalIgnoreCase));
        }
    }

    [OwnServerFact]
    public async Task The_next_start_finishes_an_erasure_that_was_killed()
    {
        const int groups = 25;
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Erasure__SweepEvery"] = "00:00:01";
        await using var server = await ServerProcess.StartAsync(deployment);
        var text = Marker("Text");
        var bob = await Person.RegisterAsync(server.Api, name: "Bob");
        // The test can look into the log only where it is in PostgreSQL.
        string[] steps = Surroundings.EventStore is null
            ? ["erasures", "user-erased.v1", "member-left.v1"]
            : ["erasures"];
        foreach (var after in steps)
        {
            var ada = await Person.RegisterAsync(server.Api, name: Marker("Name"));
            var theirs = await Task.WhenAll(
                Enumerable.Range(0, groups).Select(i => Group.StartAsync(ada, $"{text} {i}", bob)));
            await theirs[0].SayAsync(ada, text);

            var erasing = ada.DeleteAsync("/v1/users/me");
            await Eventually.BeAsync(() => HasBegunAsync(deployment, after, ada.Id), $"{after} is there");
            await server.KillAsync();
            await erasing.ContinueWith(_ => { }, TaskScheduler.Default); // Answered, or cut off.
            await server.StartAsync();

            await Eventually.BeAsync(
                async () => (await ada.GetAsync("/v1/users/me")).Status == 401, "Ada is signed out");
            await Eventually.BeAsync(
                async () => (await bob.GetAsync($"/v1/users/{ada.Id}")).Status == 404, "Ada is gone");
            foreach (var group in theirs)
                await Eventually.BeAsync(async () => (await group.MembersAsync(bob)).Count == 1, "each group is left");
            foreach (var group in theirs)
                Assert.Equal(
                    [(bob.Id, "admin")], (await group.MembersAsync(bob)).Select(member => (member.User, member.Role)));
            await Eventually.BeAsync(
                async () => (await deployment.Stored().SearchAsync([text, ada.Phone[1..]]))
                    .Values.All(found => found is { Plain: [], Opened: [] }),
                "text and phone are gone");
        }
    }

    private static async Task<bool> HasBegunAsync(Deployment deployment, string what, Guid user)
    {
        await using var connection = await deployment.Postgres.OpenAsync();
        await using var command = new NpgsqlCommand(
            what == "erasures"
                ? "SELECT count(*) FROM chat.erasures WHERE user_id = @user"
                : $"""
                    SELECT count(*) FROM chat.log_events
                    WHERE type = '{what}' AND convert_from(payload, 'UTF8') LIKE '%' || @user || '%'
                    """,
            connection);
        command.Parameters.AddWithValue("user", user);
        return (long)(await command.ExecuteScalarAsync())! > 0;
    }

    private static string Marker(string what) =>
        $"{what}Quokka{Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}";
}
