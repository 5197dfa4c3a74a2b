using ChatCqrs.Application.Users;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using static ChatCqrs.WebApi.Tests.Accounts.DeviceLinkTests;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>Anybody may ask for device links, but not for many.</summary>
public sealed class LinkLimitTests
{
    private sealed class LinkLimitedServer(params (string, string)[] settings) : ChatServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings => settings;
    }

    [Fact]
    public async Task An_address_asks_for_few_links()
    {
        await using var running = await RunningAsync(
            ("RateLimits:DeviceLinks:Burst", "2"), ("RateLimits:DeviceLinks:PerSecond", "0.001"));
        await StartAsync(running.Server);
        await StartAsync(running.Server);

        var refused = (await AskAsync(running.Server)).IsProblem(429, "rate_limited");

        Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        await running.Server.SignInAsync(); // Others go on.
    }

    [Fact]
    public async Task There_are_so_many_open_links_and_no_more_however_many_ask_at_once()
    {
        await using var running = await RunningAsync(("RateLimits:Enabled", "false"), ("DeviceLinks:OpenMax", "3"));

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => AskAsync(running.Server)));

        Assert.Equal(3, answers.Count(answer => answer.Status == 201));
        Assert.All(
            answers.Where(answer => answer.Status != 201), answer => answer.IsProblem(429, "rate_limited"));
        await using var ended = running.Server.Database.CreateCommand(
            "UPDATE chat.device_links SET expires_at = now()");
        await ended.ExecuteNonQueryAsync();
        (await AskAsync(running.Server)).Is(201);
    }

    [Fact]
    public async Task An_address_waits_for_few_links_at_once()
    {
        await using var running = await RunningAsync(
            ("RateLimits:Enabled", "false"), ("DeviceLinks:WaitsPerAddress", "1"));
        var waits = running.Server.Services.GetRequiredService<LinkWaits>();
        var (first, second) = (await StartAsync(running.Server), await StartAsync(running.Server));
        var waiting = WaitAsync(running.Server, first);
        await Testing.Eventually.IsTrue(() => waits.Count == 1, "it waits");

        var refused = (await WaitAsync(running.Server, second)).IsProblem(429, "rate_limited");

        Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        await ApproveAsync(running.Server, first);
        Assert.Equal("approved", (await waiting).Is(200).Text("status"));
        await ApproveAsync(running.Server, second);
        (await WaitAsync(running.Server, second)).Is(200);
    }

    private static Task<Answer> AskAsync(ChatServer server) =>
        server.PostAsync("/v1/device-links", new { device = new { name = "Browser", platform = "web" } });

    private static async Task ApproveAsync(ChatServer server, Link link)
    {
        var ann = await server.SignInAsync();
        (await server.PostAsync($"{link.Path}/approval", new { proof = link.Proof }, ann.Access)).Is(204);
    }

    private static async Task<Running> RunningAsync(params (string, string)[] settings)
    {
        var server = new LinkLimitedServer(settings);
        await server.InitializeAsync();
        return new Running(server);
    }

    private sealed record Running(ChatServer Server) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }
}
