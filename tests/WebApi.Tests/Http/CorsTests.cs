using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Hosting;

namespace ChatCqrs.WebApi.Tests.Http;

/// <summary>As in Production, with two origins whose pages are served, behind a proxy, and with few requests.</summary>
public sealed class PagesServer : ProductionServer
{
    public const string Listed = "https://chat.example.org";
    public const string AlsoListed = "http://intranet.example:8081";

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        .. base.Settings.Where(setting => setting.Name != "RateLimits:Enabled"), ("Cors:Origins:0", Listed),
        ("Cors:Origins:1", AlsoListed), ("Proxy:Enabled", "true"), ("RateLimits:Verifications:Burst", "2"),
        ("RateLimits:Verifications:PerSecond", "0.001"),
    ];
}

public sealed class CorsTests(PagesServer server) : IClassFixture<PagesServer>
{
    private const string AllowOrigin = "Access-Control-Allow-Origin";

    [Theory]
    [InlineData("/v1/messages", "POST")]
    [InlineData("/v1/conversations/{id}/messages/{id}", "PATCH")]
    [InlineData("/v1/users/me", "DELETE")]
    [InlineData("/v1/media/uploads", "POST")]
    [InlineData("/v1/media/uploads/{id}", "PATCH")]
    [InlineData("/v1/media/uploads/{id}", "HEAD")]
    [InlineData("/v1/ws", "GET")]
    [InlineData("/v1/server", "GET")]
    [InlineData("/nothing", "PUT")]
    public async Task A_preflight_is_answered_for_every_path(string path, string method)
    {
        foreach (var origin in new[] { PagesServer.Listed, PagesServer.AlsoListed })
        {
            using var answer = await PreflightAsync(path, method, origin);

            Assert.Equal(204, (int)answer.StatusCode);
            Assert.Equal([origin], answer.Headers.GetValues(AllowOrigin));
            Assert.Contains(method, Listed(answer, "Access-Control-Allow-Methods"));
            Assert.Superset(
                new HashSet<string> { "authorization", "chat-min-position", "tus-resumable", "upload-offset" },
                Listed(answer, "Access-Control-Allow-Headers").ToHashSet());
            Assert.Equal(["7200"], answer.Headers.GetValues("Access-Control-Max-Age"));
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Credentials"));
        }
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("https://chat.example.org.evil.example")]
    [InlineData("https://chat.example.org:8443")]
    [InlineData("http://chat.example.org")]
    [InlineData("https://sub.chat.example.org")]
    [InlineData("http://localhost:5173")]
    [InlineData("null")]
    [InlineData("*")]
    public async Task Pages_of_other_origins_may_read_nothing(string origin)
    {
        using var preflight = await PreflightAsync("/v1/messages", "POST", origin);
        using var answer = await GetAsync("/v1/server", origin);

        Assert.False(preflight.Headers.Contains(AllowOrigin));
        Assert.False(answer.Headers.Contains(AllowOrigin));
        Assert.Contains("Origin", answer.Headers.Vary);
    }

    [Fact]
    public async Task A_page_reads_every_header_that_clients_rely_on()
    {
        using var answer = await GetAsync("/v1/server", PagesServer.Listed);

        string[] named =
        [
            "Chat-Position", "Chat-File-Id", "Retry-After", "Location", "ETag", "Content-Range", "Upload-Offset",
            "Upload-Length", "Upload-Metadata", "Upload-Expires", "Upload-Concat", "Upload-Defer-Length",
            "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm",
        ];
        Assert.Empty(named.Except(Listed(answer, "Access-Control-Expose-Headers")));
        Assert.Equal([PagesServer.Listed], answer.Headers.GetValues(AllowOrigin));
        Assert.Equal(["Origin"], answer.Headers.Vary);
        Assert.False(answer.Headers.Contains("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task Refusals_can_be_read_as_other_answers_can()
    {
        Assert.Equal(401, await StatusAsync("/v1/conversations"));
        Assert.Equal(404, await StatusAsync("/nothing"));
        var statuses = new List<int>();
        for (var i = 0; i < 3; i++)
            statuses.Add(await StatusAsync("/v1/tokens/refresh", new { refresh_token = "none" }));
        Assert.Equal([401, 401, 429], statuses);
    }

    [Fact]
    public async Task Without_an_origin_nothing_is_said_of_origins_but_that_answers_differ_by_it()
    {
        using var answer = await server.Http.GetAsync("/v1/server");

        Assert.DoesNotContain(
            answer.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(["Origin"], answer.Headers.Vary);
    }

    [Fact]
    public async Task The_options_of_tus_are_no_preflight()
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/media/uploads");
        request.Headers.Add("Origin", PagesServer.Listed);
        using var answer = await server.Http.SendAsync(request);

        Assert.Equal(["1.0.0"], answer.Headers.GetValues("Tus-Version"));
        Assert.Equal([PagesServer.Listed], answer.Headers.GetValues(AllowOrigin));
    }

    /// <summary>Asserts that a page of a listed origin can read the answer.</summary>
    private async Task<int> StatusAsync(string path, object? body = null)
    {
        using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, path);
        request.Headers.Add("Origin", PagesServer.Listed);
        request.Content = body is null ? null : System.Net.Http.Json.JsonContent.Create(body);
        using var answer = await server.Http.SendAsync(request);
        Assert.Equal([PagesServer.Listed], answer.Headers.GetValues(AllowOrigin));
        Assert.Contains("Retry-After", Listed(answer, "Access-Control-Expose-Headers"));
        return (int)answer.StatusCode;
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        return await server.Http.SendAsync(request);
    }

    private async Task<HttpResponseMessage> PreflightAsync(string path, string method, string origin)
    {
        var address = path.Replace("{id}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Options, address);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add(
            "Access-Control-Request-Headers", "authorization,chat-min-position,tus-resumable,upload-offset");
        return await server.Http.SendAsync(request);
    }

    private static List<string> Listed(HttpResponseMessage answer, string header) =>
        [.. answer.Headers.GetValues(header).SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries))];
}

/// <summary>In Development every origin of this machine is served, beside the listed ones.</summary>
public sealed class DevelopmentCorsTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Theory]
    [InlineData("http://localhost:5173", true)]
    [InlineData("https://localhost", true)]
    [InlineData("http://127.0.0.1:3000", true)]
    [InlineData("http://127.8.9.10", true)]
    [InlineData("http://[::1]:5173", true)]
    [InlineData("http://localhost.evil.example", false)]
    [InlineData("http://192.168.1.2:5173", false)]
    [InlineData("null", false)]
    [InlineData("file://", false)]
    public async Task Origins_of_this_machine_are_served(string origin, bool isServed)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/server");
        request.Headers.TryAddWithoutValidation("Origin", origin);
        using var answer = await server.Http.SendAsync(request);

        Assert.Equal(
            isServed ? [origin] : [],
            answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed) ? allowed : []);
    }

    [Theory]
    [InlineData("http://localhost:5173", 101)]
    [InlineData("https://evil.example", 403)]
    public async Task Their_pages_open_sockets(string origin, int status)
    {
        var ann = await server.SignInAsync();

        Assert.Equal(status, await SocketOrigins.StatusAsync(server, ann.Access, ("Origin", origin)));
    }
}

/// <summary>A socket's handshake from a page.</summary>
public sealed class SocketOriginTests(PagesServer server) : IClassFixture<PagesServer>
{
    [Theory]
    [InlineData(null, 401)]
    [InlineData(PagesServer.Listed, 401)]
    [InlineData(PagesServer.AlsoListed, 401)]
    [InlineData("{own}", 401)]
    [InlineData("https://evil.example", 403)]
    [InlineData("http://localhost:5173", 403)]
    [InlineData("null", 403)]
    [InlineData("", 403)]
    public async Task An_origin_is_asked_before_the_token(string? origin, int status)
    {
        var own = server.Http.BaseAddress!.GetLeftPart(UriPartial.Authority);
        (string, string)[] headers =
            origin is null ? [] : [("Origin", origin.Replace("{own}", own, StringComparison.Ordinal))];

        Assert.Equal(status, await SocketOrigins.StatusAsync(server, "guess", headers));
    }

    [Theory]
    [InlineData("https://chat.example.com", "chat.example.com", 401)]
    [InlineData("https://chat.example.com", "chat.example.com:443", 401)]
    [InlineData("http://chat.example.com", "chat.example.com", 403)]
    [InlineData("https://chat.example.com", "other.example.com", 403)]
    public async Task Behind_a_proxy_the_own_origin_is_the_one_that_browsers_see(string origin, string host, int status)
    {
        Assert.Equal(status, await SocketOrigins.StatusAsync(
            server, "guess", ("Origin", origin), ("X-Forwarded-For", Address()), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", host)));
        Assert.Equal(status, await SocketOrigins.StatusAsync(
            server, "guess", ("Origin", origin), ("X-Forwarded-For", Address()), ("X-Forwarded-Proto", "https"),
            ("Host", host)));
    }

    private static string Address() => $"198.51.100.{Random.Shared.Next(1, 255)}";
}

internal static class SocketOrigins
{
    /// <returns>The status of the handshake's answer; a refusal of the origin has its code.</returns>
    public static async Task<int> StatusAsync(
        ChatServer server, string? token, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/ws") { Version = new Version(1, 1) };
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.Add(new("websocket"));
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", Convert.ToBase64String(Guid.NewGuid().ToByteArray()));
        if (token is not null)
            request.Headers.Authorization = new("Bearer", token);
        if (headers.All(header => header.Name != "X-Forwarded-For")) // Few tokens may be tried from one address.
            request.Headers.Add("X-Forwarded-For", $"203.0.113.{Random.Shared.Next(1, 255)}");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await server.Http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, Eventually.Cancelled());
        if ((int)answer.StatusCode == 403)
        {
            Assert.Contains(
                "\"origin_refused\"", await answer.Content.ReadAsStringAsync(Eventually.Cancelled()),
                StringComparison.Ordinal);
        }

        return (int)answer.StatusCode;
    }
}
