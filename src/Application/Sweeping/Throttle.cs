namespace ChatCqrs.Application.Sweeping;

/// <summary>Work that nobody waits for rests as long as it has worked, so that half of what it takes of the stores is left to those who do.</summary>
internal static class Throttle
{
    /// <summary>However long a step took, the next one comes after so long.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <param name="since">When the step began, see <see cref="TimeProvider.GetTimestamp"/>.</param>
    public static Task PauseAsync(long since, TimeProvider clock, CancellationToken cancellationToken)
    {
        var worked = clock.GetElapsedTime(since);
        return Task.Delay(worked < Longest ? worked : Longest, clock, cancellationToken);
    }
}
