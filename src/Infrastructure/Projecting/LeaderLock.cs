using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The leadership of this node: an advisory lock that a PostgreSQL session of its own holds until it ends, however it ends (PostgreSQL 15 documentation,
/// section 13.3.5). The session is idle between its signs of life: one that waits in a query would keep PostgreSQL from clearing
/// away the old versions of the rows that the runner updates all the time.
/// </summary>
internal sealed class LeaderLock : IAsyncDisposable
{
    public const string ApplicationName = "chatcqrs-leader";

    /// <summary>The lock's key: "ChatCqrs" in ASCII.</summary>
    private const long Key = 0x4368617443717273;

    /// <summary>The lock of a node that hangs is given up after so long.</summary>
    private const string Options = "-c idle_session_timeout=10s";

    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(2);

    private readonly NpgsqlConnection _session;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _released = new();
    private readonly Task _watching;

    private LeaderLock(NpgsqlConnection session)
    {
        _session = session;
        _watching = Task.Run(WatchAsync);
    }

    /// <summary>Cancelled once the session has ended or does not answer any more.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <returns>Null when another node leads.</returns>
    public static async Task<LeaderLock?> TryTakeAsync(NpgsqlConnectionStringBuilder database, CancellationToken cancellationToken)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            ApplicationName = ApplicationName,
            Options = $"{database.Options} {Options}".Trim(),
            Pooling = false,
            CommandTimeout = (int)SignOfLife.TotalSeconds,
            CancellationTimeout = -1, // What does not answer is not asked to cancel either.
        }.ConnectionString);
        try
        {
            await session.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({Key})", session);
            if (await command.ExecuteScalarAsync(cancellationToken) is true)
                return new LeaderLock(session);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }

        await session.DisposeAsync();
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _watching;
        await _session.DisposeAsync();
        _released.Dispose();
        _lost.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(SignOfLife);
        try
        {
            while (await timer.WaitForNextTickAsync(_released.Token))
            {
                await using var command = new NpgsqlCommand("SELECT 1", _session);
                await command.ExecuteScalarAsync(CancellationToken.None);
            }
        }
        catch (OperationCanceledException) when (_released.IsCancellationRequested)
        {
            // The session's end releases the lock.
        }
        catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException)
        {
            await _lost.CancelAsync();
        }
    }
}
