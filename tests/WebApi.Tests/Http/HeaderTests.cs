using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Http;

public sealed class HeaderTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/metrics")]
    [InlineData("/swagger/index.html")]
    [InlineData("/swagger/v1/swagger.json")]
    [InlineData("/asyncapi/v1/asyncapi.json")]
    [InlineData("/.well-known/jwks.json")]
    [InlineData("/v1/conversations")]
    [InlineData("/v1/ws")]
    [InlineData("/nothing")]
    public async Task Every_answer_has_the_headers_that_protect_and_none_that_tells_what_serves_it(string path)
    {
        using var response = await server.Http.GetAsync(path);

        Assert.Equal(["nosniff"], response.Headers.GetValues("X-Content-Type-Options"));
        Assert.Equal(["DENY"], response.Headers.GetValues("X-Frame-Options"));
        Assert.Equal(["no-referrer"], response.Headers.GetValues("Referrer-Policy"));
        Assert.Equal(["same-origin"], response.Headers.GetValues("Cross-Origin-Resource-Policy"));
        Assert.Contains(
            "frame-ancestors 'none'", response.Headers.GetValues("Content-Security-Policy").Single(),
            StringComparison.Ordinal);
        Assert.False(response.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("TRACE", "/v1/messages")]
    [InlineData("TRACE", "/v1/ws")]
    [InlineData("TRACE", "/health/live")]
    [InlineData("TRACE", "/hangfire")]
    [InlineData("TRACE", "/nothing")]
    public async Task Methods_that_mirror_or_tunnel_are_refused(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        var answer = await server.SendAsync(request);

        answer.IsProblem(405, "method_not_allowed");
        Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
    }

    [Fact]
    public async Task A_trace_goes_on_in_a_problem()
    {
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/conversations");
        request.Headers.Add("traceparent", $"00-{Trace}-b7ad6b7169203331-01");

        Assert.Equal(Trace, (await server.SendAsync(request)).IsProblem(401, "unauthenticated").Text("trace_id"));
    }

    [Fact]
    public async Task A_trace_that_is_none_is_no_reason_to_refuse()
    {
        var ann = await server.SignInAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users/me");
        request.Headers.Add("traceparent", "00-zz-zz-zz");
        request.Headers.Authorization = new("Bearer", ann.Access);

        (await server.SendAsync(request)).Is(200);
    }
}
