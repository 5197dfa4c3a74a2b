namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Waits that grow, spread so that not all clients come back at the same instant.</summary>
internal static class Backoff
{
    public static TimeSpan Next(TimeSpan wait, TimeSpan max) => wait * 2 < max ? wait * 2 : max;

    /// <summary>Between half of a wait and all of it.</summary>
    public static TimeSpan WithJitter(TimeSpan wait) => wait * (0.5 + (Random.Shared.NextDouble() / 2));
}
