namespace ChatCqrs.Application.Retention;

/// <summary>How long messages are kept (section <c>Retention</c> of the configuration).</summary>
public sealed record RetentionOptions
{
    /// <summary>The most days for which anything is kept.</summary>
    public const int DaysMax = 3_650;

    /// <summary>The longest time after which messages disappear.</summary>
    public static readonly TimeSpan LongestTimer = TimeSpan.FromDays(90);

    /// <summary>Days from sending until the content is unreadable; 1 to <see cref="DaysMax"/>.</summary>
    public int Days { get; init; } = 30;

    /// <summary>The shortest time after which messages may be made to disappear; at least a second.</summary>
    public TimeSpan ShortestTimer { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often what is due is swept; one second to a day.</summary>
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether messages go as soon as every device of everyone who is to get them has them; one with files once everyone has read it.</summary>
    public bool DeleteWhenDelivered { get; init; }
}
