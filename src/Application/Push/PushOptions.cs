namespace ChatCqrs.Application.Push;

/// <summary>Wake-ups (section <c>Push</c> of the configuration).</summary>
public sealed record PushOptions
{
    /// <summary>How many subscriptions a user may have.</summary>
    public const int SubscriptionsMax = 64;

    /// <summary>How long messages are gathered into one wake-up of a user's; zero to a minute.</summary>
    public TimeSpan MergeWindow { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Who has a socket but not the message is looked at again after this time, and then after three times as long as before, since a socket may be dead without
    /// anybody knowing. 00:00:00.1 to an hour.
    /// </summary>
    public TimeSpan LookAgainAfter { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long after a failure the second attempt is made; it doubles with each further one. 00:00:00.1 to an hour.</summary>
    public TimeSpan RetryFirst { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest that is waited between two attempts; up to a day.</summary>
    public TimeSpan RetryMax { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How many attempts are made at most; 1 to 50.</summary>
    public int AttemptsMax { get; init; } = 10;

    /// <summary>Lets endpoints be in private networks and without TLS: for tests, never in production.</summary>
    public bool AllowPrivateEndpoints { get; init; }

    /// <summary>How long a push service may keep a wake-up for a device that is away; up to 28 days.</summary>
    public TimeSpan TimeToLive { get; init; } = TimeSpan.FromDays(1);
}
