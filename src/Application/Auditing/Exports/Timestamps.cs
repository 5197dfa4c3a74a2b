using System.Globalization;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>Times as everywhere in the log: RFC 3339, UTC, with exactly milliseconds.</summary>
internal static class Timestamps
{
    public static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
