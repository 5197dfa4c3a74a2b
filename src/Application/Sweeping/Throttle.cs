namespace ChatCqrs.Application.Sweeping;

/// <summary>
/// Pauses background work for as long as it worked, so that foreground work gets at least half of the stores' capacity.
/// </summary>
internal static class Throttle
{
    /// <summary>The longest pause.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <param name="since">The step's start, see <see cref="TimeProvider.GetTimestamp"/>.</param>
    public static Task PauseAsync(long since, TimeProvider clock, CancellationToken cancellationToken)
    {
        var worked = clock.GetElapsedTime(since);
        return Task.Delay(worked < Longest ? worked : Longest, clock, cancellationToken);
    }
}
