using System.Diagnostics;

namespace ChatCqrs.Bench.Load;

/// <summary>The monotonic clock, in ticks of <see cref="Stopwatch"/>.</summary>
internal static class Clock
{
    public static long Now => Stopwatch.GetTimestamp();

    public static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    public static TimeSpan Span(long ticks) => Stopwatch.GetElapsedTime(0, ticks);
}
