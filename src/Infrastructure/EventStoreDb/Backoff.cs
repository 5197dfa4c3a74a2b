namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Exponential backoff with jitter, so that clients do not return at the same instant.</summary>
internal static class Backoff
{
    public static TimeSpan Next(TimeSpan wait, TimeSpan max) => wait * 2 < max ? wait * 2 : max;

    /// <summary>A random wait between half of <paramref name="wait"/> and all of it.</summary>
    public static TimeSpan WithJitter(TimeSpan wait) => wait * (0.5 + (Random.Shared.NextDouble() / 2));
}
