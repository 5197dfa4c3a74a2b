using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ChatCqrs.Application;

/// <summary>The product's one meter and one activity source. Nothing that somebody wrote is ever a tag.</summary>
public static class Telemetry
{
    public const string Name = "ChatCqrs";

    public static readonly ActivitySource Source = new(Name);
    public static readonly Meter Meter = new(Name);
}
