using System.Net;
using ChatCqrs.Application;
using ChatCqrs.WebApi.RateLimits;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server with small limits; an empty bucket stays empty for the time of a test.</summary>
public sealed class LimitedServer : ChatServer
{
    public const int UserMax = 20;
    public const int RegistrationsMax = 12;
    public const int CodesPerPhone = 2;
    public const int ExportsMax = 3;
    public const int PushSubscriptionsMax = 2;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("RateLimits:User:Burst", $"{UserMax}"), ("RateLimits:User:PerSecond", "0.01"),
        ("RateLimits:Registrations:Burst", $"{RegistrationsMax}"), ("RateLimits:Registrations:PerSecond", "0.01"),
        ("RateLimits:PushSubscriptions:Burst", $"{PushSubscriptionsMax}"),
        ("RateLimits:Exports:Burst", $"{ExportsMax}"), ("RateLimits:CodesPerPhoneAndHour", $"{CodesPerPhone}"),
    ];
}

public sealed class RateLimitTests(LimitedServer server) : IClassFixture<LimitedServer>
{
    [Fact]
    public async Task A_caller_over_the_limit_gets_a_retry_time()
    {
        // In this order, because the requests share an address: the limits of a user, of a phone, of the address.
        var ann = await server.SignInAsync();
        var ben = await server.SignInAsync();
        await AUserHasALimit(ann, ben);
        await ExportsHaveALimit(ben);
        await PushSubscriptionsHaveALimit(ben);
        await APhoneHasALimit();
        await AnAddressHasALimit();
        await ThoseWhoWatchHaveNone();
    }

    /// <summary>The first request with a key creates its limiter, so both orders are tested.</summary>
    [Theory]
    [InlineData(null, true)]
    [InlineData("::1", false)]
    public void Monitoring_from_the_default_address_has_no_limit_and_other_requests_from_it_have_one(
        string? address, bool watchedFirst)
    {
        var builder = WebApplication.CreateBuilder();
        builder.AddRateLimits();
        using var services = builder.Services.BuildServiceProvider();
        using var limits = services.GetRequiredService<IOptions<RateLimiterOptions>>().Value.GlobalLimiter!;
        var (watch, ask) = (From("/health/ready"), From("/v1/users/me"));
        if (watchedFirst)
            Assert.True(limits.AttemptAcquire(watch).IsAcquired);

        var most = 2 * services.GetRequiredService<IOptions<RateLimitOptions>>().Value.Address.Burst;
        Assert.Contains(Enumerable.Range(0, most), _ => !limits.AttemptAcquire(ask).IsAcquired);
        Assert.All(Enumerable.Range(0, most), _ => Assert.True(limits.AttemptAcquire(watch).IsAcquired));

        HttpContext From(string path) => new DefaultHttpContext
        {
            Request = { Path = path },
            Connection = { RemoteIpAddress = address is null ? null : IPAddress.Parse(address) },
        };
    }

    private async Task AUserHasALimit(Tokens ann, Tokens ben)
    {
        for (var i = 0; i < LimitedServer.UserMax; i++)
            (await server.GetAsync("/v1/users/me", ann.Access)).Is(200);

        IsLimited(await server.GetAsync("/v1/users/me", ann.Access));
        (await server.GetAsync("/v1/users/me", ben.Access)).Is(200);
    }

    private async Task ExportsHaveALimit(Tokens ben)
    {
        for (var i = 0; i <= LimitedServer.ExportsMax; i++)
            (await server.SendAsync(HttpMethod.Head, "/v1/users/me/export", null, ben.Access)).Is(200); // Costs none.
        for (var i = 0; i < LimitedServer.ExportsMax; i++)
            (await server.GetAsync("/v1/users/me/export", ben.Access)).Is(200);

        IsLimited(await server.GetAsync("/v1/users/me/export", ben.Access));
        (await server.GetAsync("/v1/users/me", ben.Access)).Is(200);
    }

    private async Task PushSubscriptionsHaveALimit(Tokens ben)
    {
        var body = new { platform = "fcm", token = $"f:{Guid.NewGuid()}" };
        for (var i = 0; i < LimitedServer.PushSubscriptionsMax; i++)
            Assert.InRange((await server.PostAsync("/v1/push-subscriptions", body, ben.Access)).Status, 200, 201);

        IsLimited(await server.PostAsync("/v1/push-subscriptions", body, ben.Access));
        (await server.GetAsync("/v1/users/me", ben.Access)).Is(200);
    }

    private async Task APhoneHasALimit()
    {
        var phone = NewPhone();
        for (var i = 0; i < LimitedServer.CodesPerPhone; i++)
            (await server.StartAsync(phone)).Is(202);

        var limited = await server.StartAsync(phone);

        IsLimited(limited);
        Assert.InRange(limited.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
    }

    private async Task AnAddressHasALimit()
    {
        var answers = new List<Answer>();
        for (var i = 0; i < LimitedServer.RegistrationsMax; i++)
            answers.Add(await server.StartAsync(NewPhone()));

        Assert.Equal(202, answers[0].Status);
        IsLimited(answers[^1]);
    }

    private async Task ThoseWhoWatchHaveNone()
    {
        for (var i = 0; i < 2 * LimitedServer.UserMax; i++)
            (await server.GetAsync("/health/live")).Is(200);
    }

    private static void IsLimited(Answer answer)
    {
        answer.IsProblem(429, "rate_limited");
        Assert.True(answer.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
    }
}
