using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>
/// Repeats a change whose answer was lost. For changes that say the same when they were made already: otherwise a token that was handed over
/// just as the connection broke would count as used by somebody else.
/// </summary>
internal static class Repeated
{
    private const int AttemptsMax = 4;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);

    public static async Task<T> GuardAsync<T>(Func<Task<T>> change, TimeProvider clock, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await PostgresErrors.GuardAsync(change);
            }
            catch (StoreUnavailableException) when (attempt < AttemptsMax)
            {
                await Task.Delay(RetryAfter * attempt, clock, cancellationToken);
            }
        }
    }
}
