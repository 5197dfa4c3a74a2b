using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Http;

/// <summary>HEAD is answered wherever GET is, with the same status and without a body.</summary>
public sealed class HeadTests(SignedInServer server) : IClassFixture<SignedInServer>
{
    [Theory]
    [InlineData("/v1/server")]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/metrics")]
    [InlineData("/swagger/index.html")]
    [InlineData("/swagger/v1/swagger.json")]
    [InlineData("/asyncapi/v1/asyncapi.json")]
    [InlineData("/.well-known/jwks.json")]
    [InlineData("/hangfire")]
    [InlineData("/hangfire/sign-in")]
    [InlineData("/messages")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/conversations")]
    [InlineData("/v1/conversations/{conversation}")]
    [InlineData("/v1/conversations/{conversation}/members")]
    [InlineData("/v1/conversations/{conversation}/messages?limit=ten")]
    [InlineData("/v1/conversations/x/timeline")]
    [InlineData("/v1/users/me")]
    [InlineData("/v1/users/me/export")]
    [InlineData("/v1/devices")]
    [InlineData("/v1/media/download?file_id=0198c2a4-7f00-7000-8000-0000000000a1")]
    [InlineData("/v1/push-subscriptions")]
    [InlineData("/v1/admin/projections")]
    [InlineData("/nothing")]
    public async Task A_HEAD_is_answered_as_a_GET_without_a_body(string path)
    {
        var address = path.Replace("{conversation}", server.Conversation, StringComparison.Ordinal);

        using var get = await SendAsync(HttpMethod.Get, address);
        using var head = await SendAsync(HttpMethod.Head, address);

        Assert.Equal(get.StatusCode, head.StatusCode);
        var (ofGet, ofHead) = (HeadersOf(get), HeadersOf(head));
        if (path == "/metrics")
        {
            // The second of the scrape, which may be another one.
            Assert.True(ofGet.Remove("Last-Modified") && ofHead.Remove("Last-Modified"));
        }

        Assert.Equal(ofGet, ofHead);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public void Every_endpoint_that_takes_a_GET_takes_a_HEAD()
    {
        var methods = server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Select(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "HEAD"])
            .Where(methods => methods.Contains("GET")).ToList();

        Assert.NotEmpty(methods);
        Assert.All(methods, allowed => Assert.Contains("HEAD", allowed));
    }

    [Fact]
    public async Task A_socket_takes_no_HEAD()
    {
        using var answer = await SendAsync(HttpMethod.Head, "/v1/ws");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    /// <summary>All headers but those that say how the body is sent, and when it was made.</summary>
    private static Dictionary<string, string> HeadersOf(HttpResponseMessage answer) =>
        answer.Headers.Concat(answer.Content.Headers)
            .Where(header => header.Key is not ("Date" or "Content-Length" or "Transfer-Encoding"))
            .ToDictionary(header => header.Key, header => string.Join(", ", header.Value));

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new("Bearer", server.Ann.Access);
        return await server.Http.SendAsync(request);
    }
}
