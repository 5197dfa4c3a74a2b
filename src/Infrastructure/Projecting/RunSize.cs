using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// How many events the next run may hold: half as many after a run that failed, twice as many after one that was
/// committed. So a run that is too much for the database, for whatever reason, is not tried again as it was, and an
/// event that cannot be folded ends up alone.
/// </summary>
internal sealed class RunSize
{
    public int Max { get; private set; } = LogFeed.RunMax;

    public void Committed() => Max = Math.Min(LogFeed.RunMax, 2 * Max);

    /// <param name="events">The events of the run that failed.</param>
    /// <returns>False if it was a single event: nothing smaller is left to try.</returns>
    public bool Failed(int events)
    {
        Max = Math.Max(1, events / 2);
        return events > 1;
    }
}

/// <summary>A run's transaction had begun, and did not commit.</summary>
/// <param name="events">The events of the run.</param>
/// <param name="at">The position of its last event.</param>
internal sealed class RunFailedException(int events, LogPosition at, Exception inner)
    : Exception($"A run of {events} events up to {at} failed: {inner.Message}", inner)
{
    public int Events => events;

    /// <summary>Whether an exception may be due to the run, and not to another leader or the end of the node.</summary>
    public static bool IsOfRun(Exception exception) =>
        exception is not (OperationCanceledException or CheckpointMovedException or RunFailedException);
}
