using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that lets a user put ten people into groups in the time of a test.</summary>
public sealed class GroupLimitedServer : ChatServer
{
    public const int PeopleMax = 10;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("RateLimits:GroupMembers:Burst", $"{PeopleMax}"), ("RateLimits:GroupMembers:PerSecond", "0.001"),
    ];
}

/// <summary>People count, however they get into a group.</summary>
public sealed class GroupLimitTests(GroupLimitedServer server) : IClassFixture<GroupLimitedServer>
{
    [Fact]
    public async Task Starting_groups_and_adding_members_share_a_limit_of_people()
    {
        var ann = await server.SignInAsync();
        var others = await OthersAsync(6);
        var group = (await StartAsync(ann, others[..5])).Is(201).Text("conversation_id");
        (await AddAsync(ann, group, others[5..])).Is(200);
        (await StartAsync(ann, others[..4])).Is(201);

        (await StartAsync(ann, others[..1])).IsProblem(429, "rate_limited");
        (await AddAsync(ann, group, others[..1])).IsProblem(429, "rate_limited");
        var direct = new { type = "direct", member_ids = others[..1] };
        (await server.PostAsync("/v1/conversations", direct, ann.Access)).Is(201);
        (await StartAsync(await server.SignInAsync(), others[..1])).Is(201);
    }

    [Fact]
    public async Task A_group_without_others_counts_and_one_larger_than_the_limit_takes_all_of_it()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        for (var group = 0; group < GroupLimitedServer.PeopleMax; group++)
            (await StartAsync(ann, [])).Is(201);
        (await StartAsync(ann, [])).IsProblem(429, "rate_limited");

        (await StartAsync(ben, await OthersAsync(GroupLimitedServer.PeopleMax + 1))).Is(201);
        (await StartAsync(ben, [])).IsProblem(429, "rate_limited");
    }

    private async Task<string[]> OthersAsync(int count)
    {
        var others = new List<string>();
        while (others.Count < count)
            others.Add((await server.SignInAsync()).User);
        return [.. others];
    }

    private Task<Answer> StartAsync(Tokens who, string[] others) => server.PostAsync(
        "/v1/conversations", new { type = "group", title = "us", member_ids = others }, who.Access);

    private Task<Answer> AddAsync(Tokens who, string group, string[] others) =>
        server.PostAsync($"/v1/conversations/{group}/members", new { user_ids = others }, who.Access);
}
