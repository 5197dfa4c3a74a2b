using System.Globalization;
using System.Text.RegularExpressions;

namespace ChatCqrs.Application.Json;

/// <summary>Reads times in the form of RFC 3339, section 5.6: a date, a time and a zone.</summary>
public static partial class Rfc3339
{
    /// <summary>The digits of a fraction that count; a tick is a tenth of a microsecond.</summary>
    private const int FractionMax = 7;

    /// <summary>
    /// Parses a time. <c>T</c> and <c>Z</c> may be small letters. A leap second, <c>:60</c> at the end of a day in UTC,
    /// is the second that follows, as in POSIX. Digits beyond a tick are cut off.
    /// </summary>
    /// <param name="time">The time in UTC.</param>
    /// <returns>False for any other text, and for a time outside of the years 1 to 9999.</returns>
    public static bool TryParse(string? text, out DateTimeOffset time)
    {
        time = default;
        if (text is null || Form().Match(text) is not { Success: true } match)
            return false;
        var isLeap = match.Groups["second"].ValueSpan is "60";
        var minute = match.Groups["minute"].Value.Replace('t', 'T');
        if (!DateTime.TryParseExact(
            minute + (isLeap ? "59" : match.Groups["second"].Value), "yyyy-MM-ddTHH:mm:ss",
            CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
            return false;

        var ticks = local.Ticks + FractionOf(match.Groups["fraction"].ValueSpan) - OffsetOf(match);
        if (isLeap)
        {
            var second = ticks / TimeSpan.TicksPerSecond % (24 * 60 * 60);
            if (second != (24 * 60 * 60) - 1)
                return false;
            ticks += TimeSpan.TicksPerSecond;
        }

        if (ticks < DateTimeOffset.MinValue.Ticks || ticks > DateTimeOffset.MaxValue.Ticks)
            return false;
        time = new DateTimeOffset(ticks, TimeSpan.Zero);
        return true;
    }

    private static long FractionOf(ReadOnlySpan<char> digits)
    {
        var ticks = 0L;
        for (var i = 0; i < FractionMax; i++)
            ticks = (ticks * 10) + (i < digits.Length ? digits[i] - '0' : 0);
        return ticks;
    }

    private static long OffsetOf(Match match)
    {
        if (match.Groups["sign"] is not { Success: true } sign)
            return 0;
        var minutes = (int.Parse(match.Groups["hours"].ValueSpan, CultureInfo.InvariantCulture) * 60)
            + int.Parse(match.Groups["minutes"].ValueSpan, CultureInfo.InvariantCulture);
        return (sign.ValueSpan is "-" ? -minutes : minutes) * TimeSpan.TicksPerMinute;
    }

    [GeneratedRegex(
        @"^(?<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:)(?<second>[0-9]{2})(\.(?<fraction>[0-9]+))?"
        + @"([Zz]|(?<sign>[+-])(?<hours>[01][0-9]|2[0-3]):(?<minutes>[0-5][0-9]))\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}
