using System.Globalization;
using ChatCqrs.Application;

namespace ChatCqrs.Architecture.Tests;

/// <summary>Numbers of the code as documents write them.</summary>
internal static class Figures
{
    /// <returns>Every form in which a document may write a value: a size of 2,048 is also 2 KiB.</returns>
    public static IEnumerable<string> Of(object? value)
    {
        switch (value)
        {
            case bool flag:
                yield return flag ? "true" : "false";
                break;
            case RateLimitOptions.Bucket bucket:
                yield return $"{Number(bucket.Burst)} + {Number(bucket.PerSecond)}/s";
                break;
            case TimeSpan time:
                yield return Time(time);
                break;
            case int or long or double:
                var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
                yield return Number(number);
                foreach (var (size, unit) in new[] { (1L << 10, "KiB"), (1L << 20, "MiB"), (1L << 30, "GiB") })
                {
                    if (number > 0 && number % size == 0)
                        yield return $"{Number(number / size)} {unit}";
                }

                break;
            default:
                yield return $"{value}";
                break;
        }
    }

    private static string Number(double number) => number.ToString("#,0.###", CultureInfo.InvariantCulture);

    private static string Time(TimeSpan time) =>
        time.Ticks % TimeSpan.TicksPerDay == 0 ? time.TotalDays == 1 ? "1 day" : $"{time.TotalDays} days"
        : time.Ticks % TimeSpan.TicksPerHour == 0 ? $"{time.TotalHours} h"
        : time.Ticks % TimeSpan.TicksPerMinute == 0 && time >= TimeSpan.FromMinutes(1) ? $"{time.TotalMinutes} min"
        : $"{time.TotalSeconds} s";
}
