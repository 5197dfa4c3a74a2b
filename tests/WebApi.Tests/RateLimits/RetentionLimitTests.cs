using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server where a conversation may change its retention three times in the time of a test.</summary>
public sealed class RetentionLimitedServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:RetentionChanges:Burst", "3"), ("RateLimits:RetentionChanges:PerSecond", "0.001")];
}

/// <summary>Changes of retention count by conversation, and only those that change something.</summary>
public sealed class RetentionLimitTests(RetentionLimitedServer server) : IClassFixture<RetentionLimitedServer>
{
    [Fact]
    public async Task The_changes_of_one_conversation_are_limited_whoever_makes_them()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var conversation = await StartAsync(ann, new { type = "direct", member_ids = new[] { ben.User } });
        (await LowerAsync(ann, conversation, 29)).Is(200);
        (await LowerAsync(ben, conversation, 28)).Is(200);
        (await LowerAsync(ann, conversation, 27)).Is(200);

        var refused = await LowerAsync(ben, conversation, 26);

        refused.IsProblem(429, "rate_limited");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 900, 1_000);
        var other = await StartAsync(ann, new { type = "group", title = "us", member_ids = new[] { ben.User } });
        (await LowerAsync(ann, other, 26)).Is(200);
        var shown = (await server.GetAsync($"/v1/conversations/{conversation}", ann.Access)).Is(200);
        Assert.Equal(27, shown["retention"].GetProperty("days").GetInt32());
    }

    [Fact]
    public async Task What_changes_nothing_or_is_refused_costs_nothing()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var group = await StartAsync(ann, new { type = "group", title = "us", member_ids = new[] { ben.User } });
        (await LowerAsync(ann, group, 29)).Is(200);
        var seq = await LastSeqAsync(ann, group);
        for (var n = 0; n < 5; n++)
        {
            (await LowerAsync(ann, group, 29)).Is(200);
            (await LowerAsync(ben, group, 1)).IsProblem(403, "not_an_admin");
            (await LowerAsync(await server.SignInAsync(), group, 1)).IsProblem(404, "conversation_unknown");
        }

        Assert.Equal(seq, await LastSeqAsync(ann, group));
        (await LowerAsync(ann, group, 28)).Is(200);
    }

    [Fact]
    public async Task A_refused_change_leaves_the_title_as_it_is()
    {
        var ann = await server.SignInAsync();
        var group = await StartAsync(ann, new { type = "group", title = "us", member_ids = Array.Empty<string>() });
        for (var days = 29; days > 26; days--)
            (await LowerAsync(ann, group, days)).Is(200);

        var both = new { title = "them", retention = new { days = 1 } };
        (await server.PatchAsync($"/v1/conversations/{group}", both, ann.Access)).IsProblem(429, "rate_limited");

        Assert.Equal("us", (await server.GetAsync($"/v1/conversations/{group}", ann.Access)).Is(200).Text("title"));
    }

    private async Task<string> StartAsync(Tokens who, object body) =>
        (await server.PostAsync("/v1/conversations", body, who.Access)).Is(201).Text("conversation_id");

    private Task<Answer> LowerAsync(Tokens who, string conversation, int days) => server.PatchAsync(
        $"/v1/conversations/{conversation}", new { retention = new { days } }, who.Access);

    private async Task<long> LastSeqAsync(Tokens who, string conversation) =>
        (await server.GetAsync($"/v1/conversations/{conversation}", who.Access)).Is(200)["last_seq"].GetInt64();
}
