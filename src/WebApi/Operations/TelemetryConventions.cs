using ChatCqrs.Application;
using ChatCqrs.WebApi.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace ChatCqrs.WebApi.Operations;

/// <summary>Metrics and traces.</summary>
public static class TelemetryConventions
{
    private const string RuntimeMeter = "System.Runtime";

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
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("chatcqrs", serviceVersion: VersionOf(typeof(Program))))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Telemetry.Name, RuntimeMeter).AddPrometheusExporter()
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

    private static string VersionOf(Type type) => type.Assembly.GetName().Version!.ToString(fieldCount: 3);
}
