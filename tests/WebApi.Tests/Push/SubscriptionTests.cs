using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Push;

/// <summary>Push subscriptions are validated, and belong to one user.</summary>
public sealed class SubscriptionTests(ChatServer server) : IClassFixture<ChatServer>, IDisposable
{
    private readonly Browser _browser = new();

    public void Dispose() => _browser.Dispose();

    [Fact]
    public async Task Subscriptions_of_all_platforms_are_taken_shown_and_ended()
    {
        var (ann, eve) = (await server.SignInAsync(), await server.SignInAsync());
        var web = (await WebAsync(ann, $"https://push.example/{Guid.NewGuid()}")).Is(201);
        var fcm = (await server.PostAsync(
            "/v1/push-subscriptions", new { platform = "fcm", token = $"f:{Guid.NewGuid()}" }, ann.Access)).Is(201);
        var body = new { platform = "apns", token = Guid.NewGuid().ToString("n"), topic = "org.example.chat" };
        var apns = (await server.PostAsync("/v1/push-subscriptions", body, ann.Access)).Is(201);

        var all = (await server.GetAsync("/v1/push-subscriptions", ann.Access))
            .Is(200)["subscriptions"].EnumerateArray().ToList();
        Assert.Equal(["webpush", "fcm", "apns"], all.Select(item => item.GetProperty("platform").GetString()));
        Assert.Equal(
            ["subscription_id", "platform", "device_id", "created_at"],
            all[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            web.Body.GetProperty("subscription_id").GetString(), all[0].GetProperty("subscription_id").GetString());

        var path = $"/v1/push-subscriptions/{web.Text("subscription_id")}";
        (await server.GetAsync(path, ann.Access)).Is(200);
        (await server.GetAsync(path, eve.Access)).IsProblem(404, "subscription_unknown");
        (await server.DeleteAsync(path, eve.Access)).IsProblem(404, "subscription_unknown");
        (await server.DeleteAsync(path, ann.Access)).Is(204);
        (await server.DeleteAsync(path, ann.Access)).IsProblem(404, "subscription_unknown");
        (await server.DeleteAsync("/v1/push-subscriptions/x", ann.Access)).IsProblem(404, "subscription_unknown");
        Assert.NotEqual(fcm.Text("subscription_id"), apns.Text("subscription_id"));
    }

    [Fact]
    public async Task They_go_with_whoever_erases_themselves()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var endpoint = $"https://push.example/{Guid.NewGuid()}";
        (await WebAsync(ann, endpoint)).Is(201);
        (await WebAsync(ben, $"https://push.example/{Guid.NewGuid()}")).Is(201);

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        Assert.Single(
            (await server.GetAsync("/v1/push-subscriptions", ben.Access)).Is(200)["subscriptions"].EnumerateArray());
        await using var command = server.Database.CreateCommand(
            "SELECT count(*) FROM chat.push_subscriptions WHERE user_id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(ann.User) });
        Assert.Equal(0L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task The_same_again_is_the_same_and_a_browser_with_another_user_moves_to_them()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var endpoint = $"https://push.example/{Guid.NewGuid()}";
        var first = (await WebAsync(ann, endpoint)).Is(201);

        Assert.Equal(first.Text("subscription_id"), (await WebAsync(ann, endpoint)).Is(200).Text("subscription_id"));
        Assert.NotEqual(first.Text("subscription_id"), (await WebAsync(ben, endpoint)).Is(201).Text("subscription_id"));
        Assert.Empty(
            (await server.GetAsync("/v1/push-subscriptions", ann.Access)).Is(200)["subscriptions"].EnumerateArray());
    }

    [Fact]
    public async Task Who_names_an_address_of_anothers_takes_nothing_from_them()
    {
        var (ann, eve) = (await server.SignInAsync(), await server.SignInAsync());
        var (fcm, apns) = ($"f:{Guid.NewGuid()}", Guid.NewGuid().ToString("n"));
        var endpoint = $"https://push.example/{Guid.NewGuid()}";
        using var other = new Browser();
        async Task<Answer[]> SubscribeAsync(Tokens who, Browser browser) =>
        [
            await server.PostAsync("/v1/push-subscriptions", new { platform = "fcm", token = fcm }, who.Access),
            await server.PostAsync(
                "/v1/push-subscriptions", new { platform = "apns", token = apns, topic = "org.example.chat" },
                who.Access),
            await server.PostAsync(
                "/v1/push-subscriptions",
                new { platform = "webpush", endpoint, keys = new { p256dh = browser.P256dh, auth = browser.Auth } },
                who.Access),
        ];
        var hers = (await SubscribeAsync(ann, _browser)).Select(answer => answer.Is(201).Text("subscription_id"));

        var eves = (await SubscribeAsync(eve, other)).Select(answer => answer.Is(201).Text("subscription_id"));

        Assert.Equal(hers, await IdsAsync(ann));
        Assert.Equal(eves, await IdsAsync(eve));
        var again = await SubscribeAsync(ann, _browser);
        Assert.Equal(hers, again.Select(answer => answer.Is(200).Text("subscription_id")));
        (await server.DeleteAsync($"/v1/push-subscriptions/{eves.First()}", eve.Access)).Is(204);
        Assert.Equal(hers, await IdsAsync(ann));
    }

    [Fact]
    public async Task A_database_of_an_earlier_version_loses_its_index_of_addresses()
    {
        await using (var index = server.Database.CreateCommand(
            "CREATE UNIQUE INDEX push_subscriptions_address ON chat.push_subscriptions (address)"))
            await index.ExecuteNonQueryAsync();
        var next = new ChatServer { Beside = server };
        await next.InitializeAsync();
        var token = $"f:{Guid.NewGuid()}";

        foreach (var who in new[] { await server.SignInAsync(), await server.SignInAsync() })
            (await next.PostAsync("/v1/push-subscriptions", new { platform = "fcm", token }, who.Access)).Is(201);

        await next.DisposeAsync();
    }

    [Theory]
    [InlineData("https://127.0.0.1/x")]
    [InlineData("https://[::1]/x")]
    [InlineData("https://localhost/x")]
    [InlineData("https://10.1.2.3/x")]
    [InlineData("https://192.168.0.1:8443/x")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://[::ffff:127.0.0.1]/x")]
    [InlineData("https://[fe80::1]/x")]
    [InlineData("https://0x7f000001/x")]
    [InlineData("https://2130706433/x")]
    [InlineData("https://localhost./x")]
    [InlineData("https://[64:ff9b::a00:1]/x")]
    [InlineData("https://push.example:8443/x")]
    [InlineData("http://push.example/x")]
    [InlineData("ftp://push.example/x")]
    [InlineData("https://user:password@push.example/x")]
    [InlineData("push.example")]
    [InlineData(null)]
    public async Task Endpoints_that_are_not_in_the_open_are_refused(string? endpoint) =>
        (await WebAsync(await server.SignInAsync(), endpoint)).IsInvalid("endpoint");

    [Fact]
    public async Task A_wrong_field_is_refused()
    {
        var ann = await server.SignInAsync();
        const string endpoint = "https://push.example/x";
        Task<Answer> PostAsync(object body) => server.PostAsync("/v1/push-subscriptions", body, ann.Access);

        (await PostAsync(new { })).IsInvalid("platform");
        (await PostAsync(new { platform = "pigeon" })).IsInvalid("platform");
        (await PostAsync(new { platform = "webpush", endpoint, keys = new { p256dh = "AAAA", auth = _browser.Auth } }))
            .IsInvalid("keys.p256dh");
        var wrongPoint = new { p256dh = "B" + new string('A', 86), auth = _browser.Auth };
        (await PostAsync(new { platform = "webpush", endpoint, keys = wrongPoint })).IsInvalid("keys.p256dh");
        var wrongAuth = new { p256dh = _browser.P256dh, auth = "AAAA" };
        (await PostAsync(new { platform = "webpush", endpoint, keys = wrongAuth })).IsInvalid("keys.auth");
        (await PostAsync(new { platform = "webpush", endpoint })).IsProblem(400, "invalid");
        (await PostAsync(new { platform = "fcm" })).IsInvalid("token");
        (await PostAsync(new { platform = "fcm", token = "../x" })).IsInvalid("token");
        (await PostAsync(new { platform = "apns", token = "abc" })).IsInvalid("topic");
        (await server.GetAsync("/v1/push-subscriptions")).IsProblem(401, "unauthenticated");
        (await server.GetAsync("/v1/push/vapid-public-key")).IsProblem(401, "unauthenticated");
    }

    private async Task<IEnumerable<string>> IdsAsync(Tokens who) =>
        (await server.GetAsync("/v1/push-subscriptions", who.Access)).Is(200)["subscriptions"].EnumerateArray()
            .Select(item => item.GetProperty("subscription_id").GetString()!);

    private Task<Answer> WebAsync(Tokens who, string? endpoint) => server.PostAsync(
        "/v1/push-subscriptions",
        new { platform = "webpush", endpoint, keys = new { p256dh = _browser.P256dh, auth = _browser.Auth } },
        who.Access);
}
