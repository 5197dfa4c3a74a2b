namespace ChatCqrs.Application;

/// <summary>
/// A token bucket for each key. The number of keys is bounded: the key unused for the longest time is forgotten, and
/// starts with a full bucket again.
/// </summary>
/// <param name="limit">The size of a bucket, and the tokens it gains a second.</param>
public sealed class TokenBuckets<TKey>(RateLimitOptions.Bucket limit, TimeProvider clock)
    where TKey : notnull
{
    private const int KeysMax = 100_000;

    private readonly RecentlyUsed<TKey, Level> _levels = new(KeysMax);

    /// <summary>Takes one token.</summary>
    /// <inheritdoc cref="TryTake(TKey, int, out TimeSpan)"/>
    public bool TryTake(TKey key, out TimeSpan retryAfter) => TryTake(key, 1, out retryAfter);

    /// <summary>Takes all of several tokens, or none.</summary>
    /// <param name="count">The number of tokens, at most the bucket's size.</param>
    /// <param name="retryAfter">The time until the bucket holds that many; zero when it did.</param>
    /// <returns>False when the bucket holds too few.</returns>
    public bool TryTake(TKey key, int count, out TimeSpan retryAfter)
    {
        var now = clock.GetTimestamp();
        if (!_levels.TryGet(key, out var level))
        {
            level = new Level { Tokens = limit.Burst, At = now };
            _levels.Set(key, level);
        }

        lock (level)
        {
            var gained = clock.GetElapsedTime(level.At, now).TotalSeconds * limit.PerSecond;
            level.Tokens = Math.Min(limit.Burst, level.Tokens + gained);
            level.At = now;
            if (level.Tokens >= count)
            {
                level.Tokens -= count;
                retryAfter = TimeSpan.Zero;
                return true;
            }

            retryAfter = TimeSpan.FromSeconds((count - level.Tokens) / limit.PerSecond);
            return false;
        }
    }

    private sealed class Level
    {
        public double Tokens;

        /// <summary>The clock's timestamp at which <see cref="Tokens"/> was right.</summary>
        public long At;
    }
}
