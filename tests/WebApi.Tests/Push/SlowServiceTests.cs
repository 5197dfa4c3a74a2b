using System.Diagnostics;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Push;

/// <summary>A server beside a push service that keeps its callers waiting, and a fast one.</summary>
public sealed class BesideSlowServer : ChatServer, IAsyncLifetime
{
    public const int FailuresMax = 2;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        .. base.Settings, ("Push:AllowPrivateEndpoints", "true"), ("Push:MergeWindow", "00:00:00.200"),
        ("Push:RetryFirst", "00:00:00.200"), ("Push:FailuresMax", $"{FailuresMax}"), ("Push:PauseFor", "01:00:00"),
        ("Retention:ShortestTimer", "00:00:01"), ("Retention:SweepEvery", "00:00:01"),
    ];

    public PushService Slow { get; private set; } = null!;

    public PushService Fast { get; private set; } = null!;

    async Task IAsyncLifetime.InitializeAsync()
    {
        (Slow, Fast) = (await PushService.StartAsync(), await PushService.StartAsync());
        Slow.Answer = (_, response) => Task.Delay(TimeSpan.FromMinutes(1), response.HttpContext.RequestAborted)
            .ContinueWith(_ => { }, TaskScheduler.Default);
        await InitializeAsync();
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        await Slow.DisposeAsync();
        await Fast.DisposeAsync();
    }

    public async Task<(string Path, Guid Subscription)> SubscribeAsync(Tokens who, PushService service, Browser browser)
    {
        var path = "/" + Guid.NewGuid().ToString("n");
        var answer = await PostAsync(
            "/v1/push-subscriptions",
            new
            {
                platform = "webpush",
                endpoint = new Uri(service.Address, path),
                keys = new { p256dh = browser.P256dh, auth = browser.Auth },
            },
            who.Access);
        return (path, Guid.Parse(answer.Is(201).Text("subscription_id")));
    }

    /// <param name="sql">A condition on $1, a subscription.</param>
    public async Task<bool> HoldsAsync(string sql, Guid subscription)
    {
        await using var command = Database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = subscription });
        return await command.ExecuteScalarAsync() is true;
    }

    public async Task<Answer> SayAsync(Tokens from, Tokens to) => (await PostAsync(
        "/v1/messages",
        new { message_id = Guid.CreateVersion7(), receiver_id = to.User, type = "text", text = "hello" },
        from.Access)).Is(201);
}

/// <summary>Slow and failing push services delay neither the clock nor other users' wake-ups.</summary>
public sealed class SlowServiceTests(BesideSlowServer server) : IClassFixture<BesideSlowServer>
{
    private const int Subscriptions = 10;

    [Fact]
    public async Task Endpoints_that_answer_slowly_delay_no_sweep_and_no_stranger()
    {
        var (ann, eve, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        for (var i = 0; i < Subscriptions; i++)
            await server.SubscribeAsync(eve, server.Slow, browser);
        var (path, _) = await server.SubscribeAsync(ben, server.Fast, browser);
        await server.SayAsync(ann, eve);
        await Eventually.IsTrue(() => !server.Slow.Requests.IsEmpty, "an attempt waits for the slow service");

        var watch = Stopwatch.StartNew();
        var conversation = (await server.SayAsync(ann, ben)).Text("conversation_id");
        await server.Fast.NextAsync(path);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(15));

        watch.Restart();
        var timer = new { retention = new { disappearing_seconds = 1 } };
        (await server.PatchAsync($"/v1/conversations/{conversation}", timer, ann.Access)).Is(200);
        await server.SayAsync(ann, ben);
        var timeline = $"/v1/conversations/{conversation}/timeline";
        await Eventually.IsTrue(
            async () => (await server.GetAsync(timeline, ann.Access)).Is(200).Body.GetRawText()
                .Contains("messages_expired", StringComparison.Ordinal),
            "the sweep has come");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task An_endpoint_that_fails_is_paused_and_has_one_queued_attempt()
    {
        var (ann, eve, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (slow, id) = await server.SubscribeAsync(eve, server.Slow, browser);
        var (witness, _) = await server.SubscribeAsync(ben, server.Fast, browser);
        await server.SayAsync(ann, eve);
        await Eventually.IsTrue(
            () => server.HoldsAsync("SELECT paused_until IS NOT NULL FROM chat.push_subscriptions WHERE id = $1", id),
            "the subscription is paused");
        Assert.Equal(BesideSlowServer.FailuresMax, server.Slow.To(slow).Count);

        for (var i = 0; i < 3; i++)
        {
            await server.SayAsync(ann, eve);
            await server.SayAsync(ann, ben);
            await server.Fast.NextAsync(witness, i);
        }

        await Eventually.IsTrue(
            () => server.HoldsAsync("SELECT queued_wake IS NOT NULL FROM chat.push_subscriptions WHERE id = $1", id),
            "an attempt is queued");
        Assert.Equal(BesideSlowServer.FailuresMax, server.Slow.To(slow).Count);
        Assert.True(await server.HoldsAsync(
            // The remaining attempts of the first wake-up, and one for all later ones.
            """
            SELECT count(*) <= 2 FROM hangfire.job
            WHERE statename = 'Scheduled' AND arguments::text LIKE '%' || $1::text || '%'
            """,
            id));
    }
}
