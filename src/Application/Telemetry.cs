using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ChatCqrs.Application;

/// <summary>The product's one meter and one activity source. Nothing that somebody wrote is ever a tag.</summary>
public static class Telemetry
{
    public const string Name = "ChatCqrs";

    public static readonly ActivitySource Source = new(Name);
    public static readonly Meter Meter = new(Name);

    /// <summary>The current request, for work that leaves its flow; null when nobody samples it, and then nothing is traced.</summary>
    public static Activity? Sampled => Source.HasListeners() && Activity.Current is { Recorded: true } request ? request : null;

    /// <summary>A span of such work; null without a request.</summary>
    /// <param name="startedAt">When it began; now if it is left out.</param>
    public static Activity? StartFor(ActivityContext? request, string name, DateTimeOffset startedAt = default) =>
        request is { } parent ? Source.StartActivity(name, ActivityKind.Internal, parent, startTime: startedAt) : null;
}
