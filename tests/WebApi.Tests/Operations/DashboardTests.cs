using System.Net;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Operations;

/// <summary>Jobs are triggered only by an admin, and only from the dashboard's own pages.</summary>
public sealed class DashboardTests(ChatServer server) : IClassFixture<ChatServer>, IAsyncLifetime
{
    private const string SignIn = "/hangfire/sign-in";
    private const string Unsafe = "/hangfire/recurring/trigger";

    private readonly HttpClient _browser =
        new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    private string _admin = "";

    private string Own => server.Http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    public async Task InitializeAsync() =>
        _admin = (await server.SignInAsync(AccountsRegistration.DevelopmentAdmin)).Access;

    public Task DisposeAsync()
    {
        _browser.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_token_is_posted_and_a_cookie_keeps_it()
    {
        using var page = await SendAsync(HttpMethod.Get, SignIn);
        Assert.Contains("<form method=\"post\"", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        using var signedIn = await SendAsync(HttpMethod.Post, SignIn, token: _admin, origin: Own);

        Assert.Equal((HttpStatusCode.SeeOther, "/hangfire"), (signedIn.StatusCode, $"{signedIn.Headers.Location}"));
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; path=/hangfire", cookie, StringComparison.OrdinalIgnoreCase);
        using var dashboard = await SendAsync(HttpMethod.Get, "/hangfire", cookie: cookie.Split(';')[0]);
        Assert.Equal(HttpStatusCode.OK, dashboard.StatusCode);
    }

    [Fact]
    public async Task A_token_in_the_address_is_ignored()
    {
        using var answer = await SendAsync(HttpMethod.Get, $"/hangfire?access_token={_admin}");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Only_an_admin_signs_in()
    {
        var ann = await server.SignInAsync();

        using var other = await SendAsync(HttpMethod.Post, SignIn, token: ann.Access, origin: Own);
        using var rubbish = await SendAsync(HttpMethod.Post, SignIn, token: "rubbish", origin: Own);
        using var none = await SendAsync(HttpMethod.Post, SignIn, origin: Own);

        Assert.Equal(
            [HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType],
            [other.StatusCode, rubbish.StatusCode, none.StatusCode]);
        Assert.All([other, rubbish, none], answer => Assert.False(answer.Headers.Contains("Set-Cookie")));
    }

    [Theory]
    [InlineData("same-origin", null, true)]
    [InlineData("same-origin", "own", true)]
    [InlineData(null, "own", true)]
    [InlineData(null, null, false)]
    [InlineData("cross-site", null, false)]
    [InlineData("same-site", null, false)]
    [InlineData("none", null, false)]
    [InlineData("cross-site", "own", false)]
    [InlineData("same-origin", "https://evil.example", false)]
    [InlineData(null, "https://evil.example", false)]
    [InlineData(null, "null", false)]
    public async Task What_changes_something_comes_from_the_dashboards_own_pages(
        string? site, string? origin, bool isTaken)
    {
        foreach (var method in new[] { HttpMethod.Post, HttpMethod.Put, HttpMethod.Delete, new HttpMethod("BREW") })
        {
            using var answer = await SendAsync(
                method, Unsafe, cookie: $"chat_dashboard={_admin}", site: site,
                origin: origin == "own" ? Own : origin);
            Assert.True(
                (answer.StatusCode != HttpStatusCode.Forbidden) == isTaken, $"{method} {site} {origin}: {answer}");
        }
    }

    [Fact]
    public async Task Who_is_no_browser_sends_a_token_and_no_origin()
    {
        using var with = new HttpRequestMessage(HttpMethod.Post, Own + "/hangfire/stats");
        with.Headers.Authorization = new("Bearer", _admin);
        using var without = new HttpRequestMessage(HttpMethod.Post, Own + "/hangfire/stats");

        using var taken = await _browser.SendAsync(with);
        using var refused = await _browser.SendAsync(without);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (taken.StatusCode, refused.StatusCode));
    }

    [Theory]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"jobs[]\"\r\n\r\nx")]
    [InlineData("multipart/form-data", "--b--")]
    public async Task A_malformed_form_is_the_clients_fault(string type, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Own + "/hangfire/jobs/enqueued/delete");
        request.Headers.Authorization = new("Bearer", _admin);
        request.Content = new ByteArrayContent(Encoding.ASCII.GetBytes(body));
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var answer = await _browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string? token = null, string? cookie = null, string? site = null,
        string? origin = null)
    {
        using var request = new HttpRequestMessage(method, Own + path);
        if (token is not null)
            request.Content = new FormUrlEncodedContent([new("access_token", token)]);
        foreach (var (name, value) in new[] { ("Cookie", cookie), ("Sec-Fetch-Site", site), ("Origin", origin) })
        {
            if (value is not null)
                request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _browser.SendAsync(request);
    }
}

/// <summary>What Production shows, and to whom.</summary>
public sealed class ProductionTests(ProductionServer server) : IClassFixture<ProductionServer>
{
    [Theory]
    [InlineData("/swagger/index.html")]
    [InlineData("/swagger")]
    [InlineData("/swagger/v1/swagger.json")]
    [InlineData("/asyncapi/v1/asyncapi.json")]
    public async Task Descriptions_are_not_served(string path) =>
        (await server.GetAsync(path)).IsProblem(404, "not_found");

    [Fact]
    public async Task Whoever_keeps_no_checkpoints_elsewhere_is_warned()
    {
        var ready = (await server.GetAsync("/health/ready")).Is(200);

        var warning = Assert.Single(ready["warnings"].EnumerateArray()).GetString();
        Assert.Contains("set Audit:Mirror or Audit:Witnesses", warning, StringComparison.Ordinal);
        Assert.Equal("healthy", ready["checks"].GetProperty("audit_copies").GetProperty("status").GetString());
    }

    [Fact]
    public async Task Metrics_are_for_who_has_the_token()
    {
        (await server.GetAsync("/metrics")).IsProblem(401, "unauthenticated");
        (await server.GetAsync("/metrics", "another token")).IsProblem(401, "unauthenticated");

        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", ProductionServer.MetricsToken);
        using var answer = await server.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("chat_", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_dashboards_cookie_is_bound_to_the_host_and_to_TLS()
    {
        var (user, device) = (new UserId(Guid.CreateVersion7()), new DeviceId(Guid.CreateVersion7()));
        await using var command = server.Database.CreateCommand(
            """
            INSERT INTO device_sessions (device_id, user_id, refresh_hash, refresh_expires_at, created_at, last_seen)
            VALUES ($1, $2, decode('00', 'hex'), now() + interval '1 day', now(), now())
            """);
        command.Parameters.Add(new() { Value = device.Value });
        command.Parameters.Add(new() { Value = user.Value });
        await command.ExecuteNonQueryAsync();
        var token = server.Services.GetRequiredService<IAccessTokens>().Issue(user, device, Roles.Admin, generation: 0);
        using var browser = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(
            HttpMethod.Post, new Uri(server.Http.BaseAddress!, "/hangfire/sign-in"))
        {
            Content = new FormUrlEncodedContent([new("access_token", token)]),
        };
        request.Headers.Add("Sec-Fetch-Site", "same-origin");

        using var answer = await browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        var cookie = answer.Headers.GetValues("Set-Cookie").Single();
        Assert.StartsWith("__Host-chat_dashboard=", cookie, StringComparison.Ordinal);
        Assert.Contains("; secure", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; path=/;", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("domain=", cookie, StringComparison.OrdinalIgnoreCase);
    }
}
