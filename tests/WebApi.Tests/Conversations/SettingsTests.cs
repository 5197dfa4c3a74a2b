using System.Text.Json;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Conversations;

public sealed class SettingsTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task Settings_are_ones_own_and_changed_one_by_one()
    {
        var (ann, ben, conversation) = await PairAsync();

        var pinned = (await ChangeAsync(ann, conversation, new { pinned = true })).Is(200);
        (await ChangeAsync(ann, conversation, new { muted_until = "2030-01-02T04:04:05.6789+01:00" })).Is(200);
        (await ChangeAsync(ann, conversation, new { archived = true, pinned = true })).Is(200);

        Assert.True(pinned.Headers.Contains("Chat-Position"));
        Assert.Equal((true, true, "2030-01-02T03:04:05.678Z"), Shown(await InboxItemAsync(ann)));
        Assert.Equal(
            (true, true, "2030-01-02T03:04:05.678Z"),
            Shown((await server.GetAsync($"/v1/conversations/{conversation}", ann.Access)).Is(200).Body));
        Assert.Equal((false, false, null), Shown(await InboxItemAsync(ben)));

        (await ChangeAsync(ann, conversation, new { muted_until = (string?)null, pinned = false, archived = false }))
            .Is(200);
        Assert.Equal((false, false, null), Shown(await InboxItemAsync(ann)));
        (await ChangeAsync(ann, conversation, new { })).Is(200);
    }

    [Theory]
    [InlineData("2030-01-02t03:04:05.6z", "2030-01-02T03:04:05.600Z")]
    [InlineData("2030-12-31T23:59:60Z", "2031-01-01T00:00:00.000Z")]
    public async Task A_time_may_have_any_form_of_RFC_3339(string time, string shown)
    {
        var (ann, _, conversation) = await PairAsync();

        (await ChangeAsync(ann, conversation, new { muted_until = time })).Is(200);

        Assert.Equal((false, false, shown), Shown(await InboxItemAsync(ann)));
    }

    [Fact]
    public async Task A_wrong_value_of_a_setting_is_refused()
    {
        var (ann, _, conversation) = await PairAsync();
        var eve = await server.SignInAsync();

        (await ChangeAsync(ann, conversation, new { pinned = "yes" })).IsInvalid("pinned");
        (await ChangeAsync(ann, conversation, new { archived = (bool?)null })).IsInvalid("archived");
        foreach (var time in new object[] { "tomorrow", "2030-01-02", "2030-01-02T03:04:05", 7, "" })
            (await ChangeAsync(ann, conversation, new { muted_until = time })).IsInvalid("muted_until");
        (await ChangeAsync(eve, conversation, new { pinned = true })).IsProblem(404, "conversation_unknown");
        (await ChangeAsync(ann, "none", new { pinned = true })).IsProblem(404, "conversation_unknown");
        Assert.Equal((false, false, null), Shown(await InboxItemAsync(ann)));
    }

    private static (bool Pinned, bool Archived, string? MutedUntil) Shown(JsonElement item) =>
        (item.GetProperty("pinned").GetBoolean(), item.GetProperty("archived").GetBoolean(),
            item.GetProperty("muted_until").GetString());

    private async Task<(Tokens Ann, Tokens Ben, string Conversation)> PairAsync()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var started = (await server.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { ben.User } }, ann.Access)).Is(201);
        return (ann, ben, started.Text("conversation_id"));
    }

    private Task<Answer> ChangeAsync(Tokens who, string conversation, object body) =>
        server.PatchAsync($"/v1/conversations/{conversation}/settings", body, who.Access);

    private async Task<JsonElement> InboxItemAsync(Tokens who) =>
        Assert.Single(
            (await server.GetAsync("/v1/conversations", who.Access)).Is(200)["conversations"].EnumerateArray());
}
