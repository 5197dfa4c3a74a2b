namespace ChatCqrs.Domain.Retention;

/// <summary>
/// Earlier messages that were to be kept for no longer than one time are shown for no longer than a shorter one; their keys go when they were meant to go.
/// </summary>
public readonly record struct Shortening(TimeSpan From, TimeSpan To)
{
    /// <summary>
    /// Fewer days hold for all earlier messages, a shorter timer for those that had one. A timer where there was none makes nothing disappear that was sent without.
    /// </summary>
    /// <param name="defaultDays">What holds where a policy does not say.</param>
    /// <returns>Null for none.</returns>
    public static IReadOnlyList<Shortening>? Between(RetentionPolicy before, RetentionPolicy after, int defaultDays)
    {
        var shortenings = new List<Shortening>(capacity: 2);
        if (after.DisappearingSeconds < before.DisappearingSeconds)
            shortenings.Add(new Shortening(TimeSpan.FromSeconds(before.DisappearingSeconds.Value), TimeSpan.FromSeconds(after.DisappearingSeconds.Value)));
        var (daysBefore, daysAfter) = (before.Days ?? defaultDays, after.Days ?? defaultDays);
        if (daysAfter < daysBefore)
            shortenings.Add(new Shortening(TimeSpan.FromDays(daysBefore), TimeSpan.FromDays(daysAfter)));
        return shortenings.Count == 0 ? null : shortenings;
    }
}
