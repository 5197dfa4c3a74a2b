using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that lets a user change their profile three times in the time of a test.</summary>
public sealed class ProfileLimitedServer : ChatServer
{
    public const int ChangesMax = 3;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("RateLimits:ProfileChanges:Burst", $"{ChangesMax}"), ("RateLimits:ProfileChanges:PerSecond", "0.001"),
    ];
}

public sealed class ProfileLimitTests(ProfileLimitedServer server) : IClassFixture<ProfileLimitedServer>
{
    [Fact]
    public async Task Changes_of_ones_profile_are_limited()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        for (var n = 0; n < ProfileLimitedServer.ChangesMax; n++)
            (await ChangeAsync(ann, $"Ann {n}")).Is(200);

        Assert.NotNull((await ChangeAsync(ann, "Ann")).IsProblem(429, "rate_limited").Headers.RetryAfter);
        (await ChangeAsync(ben, "Ben")).Is(200);
    }

    private Task<Answer> ChangeAsync(Tokens who, string name) =>
        server.PatchAsync("/v1/users/me", new { name }, who.Access);
}
