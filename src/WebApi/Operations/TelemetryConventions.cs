using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Hosting;
using ChatCqrs.WebApi.Http;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace ChatCqrs.WebApi.Operations;

/// <summary>Settings of <c>/metrics</c> (section <c>Metrics</c> of the configuration).</summary>
public sealed record MetricsOptions
{
    /// <summary>The fewest characters of <see cref="Token"/>.</summary>
    public const int TokenMin = 16;

    /// <summary>
    /// What a scraper sends as <c>Authorization: Bearer</c>. Null: everybody is answered in Development, and nobody
    /// elsewhere (404).
    /// </summary>
    public string? Token { get; init; }
}

/// <summary>Metrics and traces.</summary>
public static class TelemetryConventions
{
    private const string RuntimeMeter = "System.Runtime";

    /// <summary>
    /// How long a scrape is shared, in milliseconds: one costs milliseconds of CPU time, and anybody may ask in
    /// Development. Those who ask meanwhile wait for the same one.
    /// </summary>
    internal const int SharedFor = 1000;

    /// <summary>The buckets' upper bounds in seconds, finest in the range of a message's latency.</summary>
    private static readonly double[] DurationBounds =
        [0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>
    /// Exports metrics to Prometheus at <c>/metrics</c>, and metrics and traces over OTLP when
    /// <c>Telemetry:OtlpEndpoint</c> or <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> names a collector. Without a collector
    /// traces have no listener and cost nothing.
    /// </summary>
    public static WebApplicationBuilder AddTelemetry(this WebApplicationBuilder builder)
    {
        var collector = CollectorOf(builder.Configuration);
        builder.Services.AddOptions<MetricsOptions>().Bind(builder.Configuration.GetSection("Metrics"))
            .Validate(
                options => options.Token is null or { Length: >= MetricsOptions.TokenMin },
                $"Metrics:Token must have at least {MetricsOptions.TokenMin} characters.")
            .ValidateOnStart();
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("chatcqrs", serviceVersion: ServerEndpoints.Version))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Telemetry.Name, RuntimeMeter)
                    .AddPrometheusExporter(exporter => exporter.ScrapeResponseCacheDurationMilliseconds = SharedFor)
                    .AddView(instrument => instrument is { Unit: "s" } && instrument.Meter.Name == Telemetry.Name
                        ? new ExplicitBucketHistogramConfiguration { Boundaries = DurationBounds }
                        : null);
                if (collector is not null)
                    metrics.AddOtlpExporter(otlp => otlp.Endpoint = collector);
            });
        if (collector is not null)
            telemetry.WithTracing(
                tracing => tracing.AddSource(Telemetry.Name).AddOtlpExporter(otlp => otlp.Endpoint = collector));
        return builder;
    }

    /// <summary>
    /// <c>/metrics</c>: for everybody in Development, elsewhere only with <see cref="MetricsOptions.Token"/>.
    /// </summary>
    public static void MapMetrics(this IEndpointRouteBuilder app)
    {
        var token = app.ServiceProvider.GetRequiredService<IOptions<MetricsOptions>>().Value.Token;
        if (token is null && !app.ServiceProvider.GetRequiredService<IHostEnvironment>().IsDevelopment())
            return;
        app.MapPrometheusScrapingEndpoint(
                "/metrics", meterProvider: null,
                branch => branch.Use(next => context => token is null || IsSent(context.Request, token)
                    ? next(context)
                    : context.Response.WriteProblemAsync(Problems.Of(Refusal.Unauthenticated))),
                optionsName: null)
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head])).AllowAnonymous();
    }

    /// <summary>Compares hashes, so that the time tells nothing about the token.</summary>
    private static bool IsSent(HttpRequest request, string token)
    {
        const string prefix = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(HashOf(header[prefix.Length..].Trim()), HashOf(token));
    }

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static Uri? CollectorOf(ConfigurationManager settings)
    {
        var (name, value) = settings["Telemetry:OtlpEndpoint"] is { Length: > 0 } ours
            ? ("Telemetry:OtlpEndpoint", ours)
            : ("OTEL_EXPORTER_OTLP_ENDPOINT", settings["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        if (string.IsNullOrEmpty(value))
            return null;
        return Uri.TryCreate(value, UriKind.Absolute, out var collector) && collector.Scheme is "http" or "https"
            ? collector
            : throw new SettingException($"{name} must be an http or https URL.");
    }
}
