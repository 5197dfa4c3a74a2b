using ChatCqrs.Application;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// A bucket of tokens for each key: so many at once, and so many more each second. Bounded: who was not here for the longest is forgotten, and
/// starts with a full bucket again.
/// </summary>
internal sealed class TokenBuckets<TKey>(RateLimitOptions.Bucket limit, TimeProvider clock)
    where TKey : notnull
{
    private const int KeysMax = 100_000;

    private readonly RecentlyUsed<TKey, Level> _levels = new(KeysMax);

    /// <summary>Takes a token.</summary>
    /// <param name="retryAfter">When there is one again; zero when there was one.</param>
    public bool TryTake(TKey key, out TimeSpan retryAfter) => TryTake(key, 1, out retryAfter);

    /// <summary>Takes several tokens, or none when there are not so many.</summary>
    /// <param name="count">At most the bucket's size.</param>
    /// <param name="retryAfter">When there are as many again; zero when there were.</param>
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
        public long At;
    }
}
