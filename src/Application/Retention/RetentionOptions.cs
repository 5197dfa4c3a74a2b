namespace ChatCqrs.Application.Retention;

/// <summary>How long messages are kept (section <c>Retention</c> of the configuration).</summary>
public sealed record RetentionOptions
{
    /// <summary>The longest retention, in days.</summary>
    public const int DaysMax = 3_650;

    /// <summary>The longest timer.</summary>
    public static readonly TimeSpan LongestTimer = TimeSpan.FromDays(90);

    /// <summary>Days from sending until content becomes unreadable; 1 to <see cref="DaysMax"/>.</summary>
    public int Days { get; init; } = 30;

    /// <summary>The shortest timer; at least a second.</summary>
    public TimeSpan ShortestTimer { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often due messages are swept; a second to a day.</summary>
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Whether messages expire as soon as all devices of all recipients hold them; messages with files once all
    /// recipients have read them.
    /// </summary>
    public bool DeleteWhenDelivered { get; init; }
}
