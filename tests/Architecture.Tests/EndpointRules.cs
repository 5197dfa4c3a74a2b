using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace ChatCqrs.Architecture.Tests;

/// <summary>Every endpoint is authorised, or on the list of anonymous endpoints.</summary>
public sealed class EndpointRules : IDisposable
{
    private static readonly string[] Anonymous =
    [
        "POST /v1/registrations", "POST /v1/registrations/{registration_id}/verification", "POST /v1/tokens/refresh",
        "POST /v1/device-links", "GET /v1/device-links/{link_id}",
        "GET /.well-known/jwks.json", "GET /asyncapi/v1/asyncapi.json",
        "GET /v1/server", "GET /health/live", "GET /health/ready", "GET /metrics", "OPTIONS /v1/media/uploads/",
        "GET /hangfire/sign-in", "POST /hangfire/sign-in",
        "GET /audit", "GET /audit/audit.css", "GET /audit/audit.js", "GET /audit/session.js", // Files without data.
        "GET /v1/media/content/{file_id}", // The address is signed.
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Every_endpoint_is_authorised_or_known_to_be_anonymous()
    {
        await using var app = Program.Build(
        [
            "--environment=Development", "--ConnectionStrings:Postgres=postgresql://nobody@127.0.0.1:1/nothing",
            $"--DataFolder={_folder}", "--urls=http://127.0.0.1:0",
        ]);

        var endpoints = EndpointsOf(app);

        Assert.True(endpoints.Count > Anonymous.Length);
        Assert.Empty(Open(endpoints).Except(Anonymous));
        Assert.Empty(Anonymous.Except(endpoints.SelectMany(NamesOf)));
    }

    [Fact]
    public async Task An_endpoint_without_authorisation_is_found()
    {
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var endpoints = (IEndpointRouteBuilder)app;
        endpoints.MapGet("/planted", () => "hello");
        endpoints.MapGet("/opened", () => "hello").RequireAuthorization().AllowAnonymous();
        endpoints.MapGet("/closed", () => "hello").RequireAuthorization();

        Assert.Equal(["GET /planted", "GET /opened"], Open(EndpointsOf(app)));
    }

    private static List<RouteEndpoint> EndpointsOf(IEndpointRouteBuilder app) =>
        [.. app.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];

    private static IEnumerable<string> Open(IEnumerable<RouteEndpoint> endpoints) => endpoints
        .Where(endpoint => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
            || endpoint.Metadata.GetMetadata<IAuthorizeData>() is null)
        .SelectMany(NamesOf);

    private static IEnumerable<string> NamesOf(RouteEndpoint endpoint) =>
        (endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["*"])
            .Where(method => method != "HEAD") // Where GET is, it is the same endpoint.
            .Select(method => $"{method} {endpoint.RoutePattern.RawText}");
}
