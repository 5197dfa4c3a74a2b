using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>
/// Retries a change whose answer may be lost. The change must be idempotent: after a connection loss the retry of a
/// token exchange must succeed, not report the token as reused.
/// </summary>
internal static class IdempotentRetry
{
    private const int AttemptsMax = 4;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);

    public static async Task<T> RunAsync<T>(
        Func<Task<T>> change, TimeProvider clock, CancellationToken cancellationToken)
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
