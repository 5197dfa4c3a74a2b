namespace ChatCqrs.Domain.Retention;

/// <summary>
/// A shorter display time for earlier messages: those kept for at most <paramref name="From"/> are now shown for at
/// most <paramref name="To"/>. Their keys are still shredded at the original time.
/// </summary>
/// <param name="From">The retention time of the affected messages, at most.</param>
/// <param name="To">The new time, from sending.</param>
public readonly record struct Shortening(TimeSpan From, TimeSpan To)
{
    /// <summary>
    /// The shortenings of a policy change. Fewer days shorten all earlier messages. A shorter timer shortens only those
    /// that had a timer: a new timer never affects messages sent without one.
    /// </summary>
    /// <param name="defaultDays">
    /// The server's default, in days, for policies without <see cref="RetentionPolicy.Days"/>.
    /// </param>
    /// <returns>Null for none.</returns>
    public static IReadOnlyList<Shortening>? Between(RetentionPolicy before, RetentionPolicy after, int defaultDays)
    {
        var shortenings = new List<Shortening>(capacity: 2);
        if (before.DisappearingSeconds is { } timerBefore && after.DisappearingSeconds is { } timerAfter
            && timerAfter < timerBefore)
            shortenings.Add(new Shortening(TimeSpan.FromSeconds(timerBefore), TimeSpan.FromSeconds(timerAfter)));
        var (daysBefore, daysAfter) = (before.Days ?? defaultDays, after.Days ?? defaultDays);
        if (daysAfter < daysBefore)
            shortenings.Add(new Shortening(TimeSpan.FromDays(daysBefore), TimeSpan.FromDays(daysAfter)));
        return shortenings.Count == 0 ? null : shortenings;
    }
}
