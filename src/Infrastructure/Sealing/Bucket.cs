using System.Globalization;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The buckets of expiring content: one secret, and so one shredding, for each bucket. A bucket is a UTC day, hour,
/// minute or second; shorter lifetimes get shorter buckets. Content is readable until the end of its bucket, so it
/// outlives its expiry in the log by at most the bucket's length.
/// </summary>
internal static class Bucket
{
    // Longest first; the first size whose LifetimeMin the content reaches. A timer of one hour has slightly less left
    // when its message is sealed, so the limits lie well below such round values.
    private static readonly (string Name, string Format, TimeSpan Length, TimeSpan LifetimeMin)[] Sizes =
    [
        ("day-", "yyyy-MM-dd", TimeSpan.FromDays(1), TimeSpan.FromDays(2)),
        ("hour-", "yyyy-MM-dd'T'HH", TimeSpan.FromHours(1), TimeSpan.FromMinutes(30)),
        ("minute-", "yyyy-MM-dd'T'HH:mm", TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5)),
        ("second-", "yyyy-MM-dd'T'HH:mm:ss", TimeSpan.FromSeconds(1), TimeSpan.MinValue),
    ];

    /// <summary>The bucket that contains the content's expiry.</summary>
    public static string Of(DateTimeOffset expiresAt, DateTimeOffset now)
    {
        var size = Array.Find(Sizes, size => expiresAt - now >= size.LifetimeMin);
        return size.Name + expiresAt.UtcDateTime.ToString(size.Format, CultureInfo.InvariantCulture);
    }

    /// <summary>The time from which a bucket's content must be unreadable.</summary>
    /// <exception cref="FormatException">The text is no bucket.</exception>
    public static DateTimeOffset EndOf(string bucket)
    {
        var size = Array.Find(Sizes, size => bucket.StartsWith(size.Name, StringComparison.Ordinal));
        if (size.Name is null)
            throw new FormatException($"{bucket} is no bucket.");
        var start = DateTimeOffset.ParseExact(
            bucket.AsSpan(size.Name.Length), size.Format, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
        return start + size.Length;
    }
}
