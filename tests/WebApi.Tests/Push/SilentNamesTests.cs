using System.Diagnostics;
using System.Net;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Push;

/// <summary>A server whose name look-ups are answered only when the test says so.</summary>
public sealed class SilentNamesServer : ChatServer, IAsyncLifetime
{
    private readonly ManualResetEventSlim _silent = new();
    private int _running, _most, _onThePool;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        .. base.Settings, ("Push:MergeWindow", "00:00:00.200"), ("Push:RetryFirst", "00:00:00.200"),
        ("Push:AttemptsMax", "3"), ("Media:CollectEvery", "00:00:01"), // So often are jobs looked for.
    ];

    public int Running => Volatile.Read(ref _running);

    /// <summary>The most look-ups at once, and how many of all ran on threads of the shared pool.</summary>
    public (int Most, int OnThePool) Seen => (Volatile.Read(ref _most), Volatile.Read(ref _onThePool));

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        Services.GetRequiredService<NameResolver>().LookUp = LookUp;
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        _silent.Set();
        await DisposeAsync();
    }

    private IPAddress[] LookUp(string name)
    {
        var running = Interlocked.Increment(ref _running);
        if (running > Volatile.Read(ref _most))
            Volatile.Write(ref _most, running);
        if (Thread.CurrentThread.IsThreadPoolThread)
            Interlocked.Increment(ref _onThePool);
        _silent.Wait();
        Interlocked.Decrement(ref _running);
        return [];
    }
}

/// <summary>Endpoints whose name servers are silent delay nobody else.</summary>
[Collection(Measurement.Name)]
public sealed class SilentNamesTests(SilentNamesServer server) : IClassFixture<SilentNamesServer>
{
    private const int SubscriptionsMax = 10;
    private static readonly TimeSpan Fast = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Subscriptions_to_silent_names_delay_nobody()
    {
        var (ann, eve, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var watch = Stopwatch.StartNew();

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => server.PostAsync(
            "/v1/push-subscriptions",
            new
            {
                platform = "webpush",
                endpoint = $"https://{i}.silent.example/{Guid.NewGuid()}",
                keys = new { p256dh = browser.P256dh, auth = browser.Auth },
            },
            eve.Access)));

        Assert.All(answers, answer => answer.Is(201));
        Assert.Equal((0, 0), server.Seen);
        var left = (await server.GetAsync("/v1/push-subscriptions", eve.Access)).Is(200)["subscriptions"];
        Assert.Equal(SubscriptionsMax, left.GetArrayLength());
        (await server.GetAsync("/v1/users/me", ben.Access)).Is(200);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30)); // 200 writes on a busy machine.

        // A wake-up looks the names up; others are answered meanwhile.
        (await server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = eve.User, type = "text", text = "hello" },
            ann.Access)).Is(201);
        await Eventually.IsTrue(() => server.Running > 0, "a name is looked up");
        for (var i = 0; i < 20; i++)
        {
            watch.Restart();
            (await server.GetAsync("/v1/users/me", ben.Access)).Is(200);
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, Fast);
        }

        Assert.InRange(server.Seen.Most, 1, NameResolver.LookUpsMax);
        Assert.Equal(0, server.Seen.OnThePool);
    }
}
