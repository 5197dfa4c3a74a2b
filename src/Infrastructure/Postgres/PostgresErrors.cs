using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>Tells an unavailable or overloaded database from a bug.</summary>
public static class PostgresErrors
{
    /// <summary>Runs a call to the database.</summary>
    /// <exception cref="StoreUnavailableException">The database is away, see <see cref="IsUnavailable"/>.</exception>
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

    /// <summary>Whether the same call may succeed later without a fix.</summary>
    public static bool IsUnavailable(Exception exception) => exception switch
    {
        PostgresException postgres => postgres.SqlState is
            PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
            or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable
            or PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.DeadlockDetected
            or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DiskFull
            or PostgresErrorCodes.OutOfMemory or PostgresErrorCodes.IoError or PostgresErrorCodes.ReadOnlySqlTransaction
            || postgres.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException npgsql => npgsql.IsTransient || npgsql.InnerException
            is IOException or SocketException or TimeoutException or OperationCanceledException or null,
        SocketException or TimeoutException or EndOfStreamException => true,
        OperationCanceledException or ObjectDisposedException => false, // The caller gave up.
        { InnerException: { } inner } => IsUnavailable(inner),
        _ => false,
    };
}
