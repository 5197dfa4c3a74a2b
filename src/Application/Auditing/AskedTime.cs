using ChatCqrs.Application.Json;

namespace ChatCqrs.Application.Auditing;

/// <summary>Times in query strings of audits: RFC 3339, cut to the millisecond, which times of entries have.</summary>
internal static class AskedTime
{
    public const string Message = "must be a time with its zone, such as 2026-01-02T03:04:05Z.";

    public static bool IsTime(string? text) => text is null || Rfc3339.TryParse(text, out _);

    /// <param name="text">A valid time, or null.</param>
    public static DateTimeOffset? Parse(string? text) =>
        Rfc3339.TryParse(text, out var time) ? FloorOf(time) : null;

    public static DateTimeOffset FloorOf(DateTimeOffset time) =>
        new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
}
