using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Writing;

/// <summary>Appends to streams that change rarely, one at a time.</summary>
internal static class RepeatedAppend
{
    /// <summary>
    /// The most attempts of one append if the store does not answer. Repeating it is safe: same events, same revision.
    /// </summary>
    private const int AttemptsMax = 3;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    /// <exception cref="StoreUnavailableException">
    /// The store did not answer any attempt. The events may be in the log or not.
    /// </exception>
    public static async Task<AppendOutcome> AppendAsync(
        this IEventStore store, StreamAppend append, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var span = Telemetry.Source.StartActivity("append");
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return (await store.AppendAsync([append], cancellationToken))[0].OrThrow();
            }
            catch (StoreUnavailableException) when (attempt < AttemptsMax)
            {
                await Task.Delay(RetryAfter * attempt, clock, cancellationToken);
            }
        }
    }
}
