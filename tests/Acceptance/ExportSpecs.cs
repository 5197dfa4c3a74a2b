using System.Text.Json;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>An export holds all data about its user, and nothing of others that the user could not see.</summary>
public sealed class ExportSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task An_export_holds_all_data_about_its_user()
    {
        var (ada, bob) = await product.PairAsync();
        var (cid, laptop) = (await product.RegisterAsync("Cid"), await ada.AddDeviceAsync());
        (await ada.PatchAsync("/v1/users/me", new { about = "Engines" })).Expect(200);
        (await ada.PutAsync($"/v1/blocks/{cid.Id}")).Expect(204);
        var sent = await ada.SayAsync(bob, "what Ada said");
        var got = await bob.SayAsync(ada, "what Bob said");
        (await ada.PatchAsync($"/v1/conversations/{sent.ConversationId}/settings", new { pinned = true }))
            .Expect(200, 204);
        (await ada.PostAsync("/v1/push-subscriptions", new { platform = "fcm", token = "a-token-of-fcm" })).Expect(201);
        await ada.ConfirmAsync(sent.ConversationId, delivered: got.Seq, read: got.Seq);
        var group = await Group.StartAsync(bob, "Climbing", ada);
        await group.SayAsync(bob, "before");
        await group.SayAsync(ada, "Ada was here");
        (await group.LeaveAsync(ada)).Expect(200, 204);
        var position = (await bob.PostMessageAsync(Draft.In(group.Id, "after Ada left"))).Expect(201).Position;

        var answer = (await ada.GetAsync("/v1/users/me/export", position)).Expect(200);

        Assert.Equal("application/json", answer.MediaType);
        var all = answer.Json;
        var profile = all.GetProperty("profile");
        Assert.Equal(
            (ada.Id, ada.Phone, "Ada", "Engines"),
            (profile.Id("user_id"), profile.Text("phone"), profile.Text("name"), profile.Text("about")));
        Assert.Equal(["Laptop", "Pixel"], Items(all, "devices").Select(device => device.Text("name")).Order());
        Assert.Equal(
            [.. new[] { ada.Session.DeviceId, laptop.Session.DeviceId }.Order()],
            Items(all, "sessions").Select(session => session.Id("device_id")).Order());
        var block = Assert.Single(Items(all, "blocks"));
        Assert.Equal((cid.Id, "Cid"), (block.Id("user_id"), block.Text("name")));
        Assert.Equal(sent.ConversationId, Assert.Single(Items(all, "settings")).Id("conversation_id"));
        Assert.Equal("a-token-of-fcm", Assert.Single(Items(all, "push_subscriptions")).Text("token"));
        Assert.Empty(Items(all, "media"));

        var direct = Assert.Single(Items(all, "conversations"));
        Assert.Equal(sent.ConversationId, direct.GetProperty("conversation").Id("conversation_id"));
        Assert.Equal(
            [.. new[] { ada.Id, bob.Id }.Order()],
            Items(direct.GetProperty("conversation"), "members").Select(member => member.Id("user_id")).Order());
        Assert.Equal([0, 1, 2], Items(direct, "entries").Select(entry => entry.Number("seq")));
        Assert.Equal(
            ["what Ada said", "what Bob said"],
            Items(direct, "entries").Skip(1).Select(entry => entry.GetProperty("message").Text("text")));
        Assert.Contains(
            Items(direct, "receipts"),
            receipt => receipt.Text("kind") == "read" && receipt.Number("up_to_seq") == got.Seq);

        var left = Assert.Single(Items(all, "former_conversations"));
        Assert.Equal(group.Id, left.Id("conversation_id"));
        Assert.Equal(["Ada was here"], Items(left, "messages").Select(message => message.Text("text")));
        Assert.DoesNotContain("before", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("after Ada left", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_holds_a_long_conversation_whole()
    {
        const int count = 450;
        var (ada, bob) = await product.PairAsync();
        await using var socket = await ada.ConnectAsync();
        var drafts = Enumerable.Range(0, count).Select(i => Draft.To(bob.Id, $"number {i}")).ToList();
        foreach (var draft in drafts) await socket.SendAsync(draft);
        var last = await socket.AckAsync(drafts[^1].Id);
        var position = await bob.ConfirmAsync(last.ConversationId, read: last.Seq);

        var all = (await bob.GetAsync("/v1/users/me/export", position)).Expect(200).Json;

        var entries = Items(Assert.Single(Items(all, "conversations")), "entries");
        Assert.Equal(
            Enumerable.Range(0, count + 1).Select(seq => (long)seq), entries.Select(entry => entry.Number("seq")));
        Assert.Equal(
            Enumerable.Range(0, count).Select(i => $"number {i}"),
            entries.Skip(1).Select(entry => entry.GetProperty("message").Text("text")));
    }

    [Fact]
    public async Task An_export_without_a_token_is_refused() =>
        (await product.Api.GetAsync("/v1/users/me/export")).Expect(401);

    private static List<JsonElement> Items(JsonElement of, string list) => [.. of.GetProperty(list).EnumerateArray()];
}
