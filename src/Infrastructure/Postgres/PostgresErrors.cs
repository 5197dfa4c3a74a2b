using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>Tells a database that is away, or too busy, from a mistake of ours.</summary>
public static class PostgresErrors
{
    /// <summary>Runs a call to the database; what means that it is away becomes a <see cref="StoreUnavailableException"/>.</summary>
    public static async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (IsUnavailable(exception))
        {
            throw new StoreUnavailableException("PostgreSQL cannot be reached, or does not answer in time.", exception);
        }
    }

    /// <inheritdoc cref="GuardAsync{T}"/>
    public static Task GuardAsync(Func<Task> call) => GuardAsync(async () =>
    {
        await call();
        return true;
    });

    /// <inheritdoc cref="GuardAsync"/>
    public static T Guard<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception exception) when (IsUnavailable(exception))
        {
            throw new StoreUnavailableException("PostgreSQL cannot be reached, or does not answer in time.", exception);
        }
    }

    /// <summary>Whether the same call may succeed later without anything being mended here.</summary>
    public static bool IsUnavailable(Exception exception) => exception switch
    {
        PostgresException postgres => postgres.SqlState is
            PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
            or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.TooManyConnections
            or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DiskFull
            or PostgresErrorCodes.OutOfMemory or PostgresErrorCodes.IoError or PostgresErrorCodes.ReadOnlySqlTransaction
            || postgres.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException npgsql => npgsql.InnerException is IOException or SocketException or TimeoutException or OperationCanceledException or null
            || npgsql.IsTransient,
        SocketException or TimeoutException or EndOfStreamException => true,
        OperationCanceledException or ObjectDisposedException => false, // Whatever the server said: the caller gave up.
        { InnerException: { } inner } => IsUnavailable(inner),
        _ => false,
    };
}
