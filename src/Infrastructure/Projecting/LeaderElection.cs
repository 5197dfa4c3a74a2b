using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Tries to take the leader's lock. A follower keeps one session and tries on it again, so that a node that follows for
/// days opens one connection and not one per try.
/// </summary>
/// <remarks>Not thread-safe: one try at a time.</remarks>
internal sealed class LeaderElection(string connectionString) : IAsyncDisposable
{
    /// <summary>
    /// PostgreSQL ends a session that is idle for this long: the session of a leader that hangs, and with it the lock.
    /// A follower tries more often than this.
    /// </summary>
    private const string Options = "-c idle_session_timeout=10s";

    private readonly string _connectionString = ForSessions(connectionString);

    private NpgsqlConnection? _session;

    /// <returns>Null while another node leads.</returns>
    public async Task<LeaderLock?> TryLeadAsync(CancellationToken cancellationToken)
    {
        if (_session is not null)
        {
            try
            {
                return await TryLockAsync(_session, cancellationToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException)
            {
                await CloseAsync(); // The session broke since the last try.
            }
        }

        _session = new NpgsqlConnection(_connectionString);
        try
        {
            await _session.OpenAsync(cancellationToken);
            return await TryLockAsync(_session, cancellationToken);
        }
        catch
        {
            await CloseAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    /// <summary>On success the session belongs to the lock, and the next try opens another.</summary>
    private async Task<LeaderLock?> TryLockAsync(NpgsqlConnection session, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({LeaderLock.Key})", session);
        if (await command.ExecuteScalarAsync(cancellationToken) is not true)
            return null;
        _session = null;
        return new LeaderLock(session);
    }

    private static string ForSessions(string connectionString)
    {
        var connection = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = LeaderLock.ApplicationName,
            Pooling = false,
            CommandTimeout = (int)LeaderLock.HeartbeatInterval.TotalSeconds,
            CancellationTimeout = -1, // No cancel request to a server that does not answer.
        };
        connection.Options = $"{connection.Options} {Options}".Trim();
        return connection.ConnectionString;
    }

    private async ValueTask CloseAsync()
    {
        if (_session is { } session)
        {
            _session = null;
            await session.DisposeAsync();
        }
    }
}
