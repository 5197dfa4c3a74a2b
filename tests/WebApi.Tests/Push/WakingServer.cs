using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Push;

/// <summary>A server that pushes to this machine at short intervals, and a browser's push service.</summary>
public sealed class WakingServer : ChatServer, IAsyncLifetime
{
    public const int AttemptsMax = 3;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        .. base.Settings, ("Push:AllowPrivateEndpoints", "true"), ("Push:MergeWindow", "00:00:00.500"),
        ("Push:RetryFirst", "00:00:00.200"), ("Push:LookAgainAfter", "00:00:02"),
        ("Push:AttemptsMax", $"{AttemptsMax}"), ("Push:FailuresMax", "100"),
        ("Media:CollectEvery", "00:00:01"), // So often are jobs looked for.
    ];

    public PushService Push { get; private set; } = null!;

    async Task IAsyncLifetime.InitializeAsync()
    {
        Push = await PushService.StartAsync();
        await InitializeAsync();
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        await Push.DisposeAsync();
    }

    public async Task<(string Path, string Subscription)> SubscribeAsync(Tokens who, Browser browser)
    {
        var path = "/" + Guid.NewGuid().ToString("n");
        var answer = await PostAsync(
            "/v1/push-subscriptions",
            new
            {
                platform = "webpush",
                endpoint = new Uri(Push.Address, path),
                keys = new { p256dh = browser.P256dh, auth = browser.Auth },
            },
            who.Access);
        return (path, answer.Is(201).Text("subscription_id"));
    }

    public async Task<Answer> SayAsync(Tokens from, Tokens to, string text = "hello") => (await PostAsync(
        "/v1/messages", new { message_id = Guid.CreateVersion7(), receiver_id = to.User, type = "text", text },
        from.Access)).Is(201);

    public async Task<IReadOnlyList<string>> SubscriptionsAsync(Tokens who) =>
        [
            .. (await GetAsync("/v1/push-subscriptions", who.Access)).Is(200)["subscriptions"].EnumerateArray()
                .Select(item => item.GetProperty("subscription_id").GetString()!),
        ];
}
