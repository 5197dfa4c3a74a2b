using System.Globalization;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The buckets in which content expires together: a UTC day, or an hour, a minute or a second where it lives for so short that waiting for the end of a longer
/// one would be felt. A bucket is readable until its end, so what is in it outlives its expiry in the log by no more than its length.
/// </summary>
internal static class Bucket
{
    // From the longest: who lives at least so long expires with others of the same such time. An hour's timer is just below an hour when it is sealed.
    private static readonly (string Name, string Format, TimeSpan Length, TimeSpan From)[] Sizes =
    [
        ("day-", "yyyy-MM-dd", TimeSpan.FromDays(1), TimeSpan.FromDays(2)),
        ("hour-", "yyyy-MM-dd'T'HH", TimeSpan.FromHours(1), TimeSpan.FromMinutes(30)),
        ("minute-", "yyyy-MM-dd'T'HH:mm", TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5)),
        ("second-", "yyyy-MM-dd'T'HH:mm:ss", TimeSpan.FromSeconds(1), TimeSpan.MinValue),
    ];

    /// <summary>The bucket whose end is the first after the content's expiry.</summary>
    public static string Of(DateTimeOffset expiresAt, DateTimeOffset now)
    {
        var size = Array.Find(Sizes, size => expiresAt - now >= size.From);
        return size.Name + expiresAt.UtcDateTime.ToString(size.Format, CultureInfo.InvariantCulture);
    }

    /// <summary>From when on nothing in a bucket is to be read.</summary>
    /// <exception cref="FormatException">It is no bucket.</exception>
    public static DateTimeOffset EndOf(string bucket)
    {
        var size = Array.Find(Sizes, size => bucket.StartsWith(size.Name, StringComparison.Ordinal));
        if (size.Name is null)
            throw new FormatException($"{bucket} is no bucket.");
        return DateTimeOffset.ParseExact(
            bucket.AsSpan(size.Name.Length), size.Format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal)
            + size.Length;
    }
}
