namespace ChatCqrs.Application.Push;

/// <summary>Wake-ups (section <c>Push</c> of the configuration).</summary>
public sealed record PushOptions
{
    /// <summary>The most subscriptions of a user; a further one replaces the oldest. 1 to 100.</summary>
    public int SubscriptionsMax { get; init; } = 10;

    /// <summary>How long messages are merged into one wake-up of a user; zero to a minute.</summary>
    public TimeSpan MergeWindow { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How soon a user with a socket but without the message is checked again; each further check waits three times as
    /// long. A dead socket can go unnoticed. 00:00:00.1 to an hour.
    /// </summary>
    public TimeSpan LookAgainAfter { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The delay before the second attempt; it doubles with each further one. 00:00:00.1 to an hour.</summary>
    public TimeSpan RetryFirst { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest delay between two attempts; at most a day.</summary>
    public TimeSpan RetryMax { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The most attempts; 1 to 50.</summary>
    public int AttemptsMax { get; init; } = 10;

    /// <summary>The failed attempts in a row after which a subscription is paused; 1 to 1,000.</summary>
    public int FailuresMax { get; init; } = 5;

    /// <summary>How long a subscription is paused; each further failure starts a pause. A second to a day.</summary>
    public TimeSpan PauseFor { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Allows endpoints in private networks and without TLS: for tests only.</summary>
    public bool AllowPrivateEndpoints { get; init; }

    /// <summary>How long a push service may hold a wake-up for an unreachable device; at most 28 days.</summary>
    public TimeSpan TimeToLive { get; init; } = TimeSpan.FromDays(1);
}
