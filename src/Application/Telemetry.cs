using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ChatCqrs.Application;

/// <summary>The product's one meter and one activity source. Tags never contain users' content.</summary>
public static class Telemetry
{
    public const string Name = "ChatCqrs";

    public static readonly ActivitySource Source = new(Name);
    public static readonly Meter Meter = new(Name);

    /// <summary>
    /// The current request's activity, for work outside its flow; null if it is not sampled, and then nothing is
    /// traced.
    /// </summary>
    public static Activity? Sampled =>
        Source.HasListeners() && Activity.Current is { Recorded: true } request ? request : null;

    /// <summary>Starts a span of such work; null without a request.</summary>
    /// <param name="startedAt">The span's start, UTC; now if omitted.</param>
    public static Activity? StartFor(ActivityContext? request, string name, DateTimeOffset startedAt = default) =>
        request is { } parent ? Source.StartActivity(name, ActivityKind.Internal, parent, startTime: startedAt) : null;
}
