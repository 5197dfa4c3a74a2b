using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The leadership of this node: a session-level advisory lock (PostgreSQL 15 documentation, section 13.3.5). PostgreSQL
/// releases it when the session ends, for whatever reason. Between heartbeats the session is idle: a session that waits
/// in a query would hold back vacuum, and the runner updates rows all the time.
/// </summary>
internal sealed class LeaderLock : IAsyncDisposable
{
    public const string ApplicationName = "chatcqrs-leader";

    /// <summary>The lock's key: "ChatCqrs" in ASCII.</summary>
    public const long Key = 0x4368617443717273;

    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(2);

    private readonly NpgsqlConnection _session;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _released = new();
    private readonly Task _heartbeat;

    /// <param name="session">Holds the lock; disposed here.</param>
    public LeaderLock(NpgsqlConnection session)
    {
        _session = session;
        _heartbeat = Task.Run(BeatAsync);
    }

    /// <summary>
    /// Cancelled once the session has ended or does not answer within <see cref="HeartbeatInterval"/>.
    /// </summary>
    public CancellationToken Lost => _lost.Token;

    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _heartbeat;
        await _session.DisposeAsync();
        _released.Dispose();
        _lost.Dispose();
    }

    private async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(HeartbeatInterval);
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
            // Disposal ends the session, which releases the lock.
        }
        catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException)
        {
            await _lost.CancelAsync();
        }
    }
}
