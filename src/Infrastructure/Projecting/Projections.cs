using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <inheritdoc cref="IProjections"/>
internal sealed class Projections(IEventStore store, NpgsqlDataSource database, Rebuilder rebuilder, RunnerState runner, TimeProvider clock) : IProjections
{
    /// <summary>A checkpoint that has not moved for so long, though there are events after it, has no leader.</summary>
    private static readonly TimeSpan Silent = TimeSpan.FromSeconds(10);

    public async Task<IReadOnlyList<ProjectionState>> StatesAsync(CancellationToken cancellationToken)
    {
        var head = await store.HeadAsync(cancellationToken);
        var rows = await PostgresErrors.GuardAsync(() => RowsAsync(cancellationToken));
        var live = rows.GetValueOrDefault(Checkpoint.Live);
        var behind = live.Position < head;
        var silence = clock.GetUtcNow() - live.UpdatedAt;
        var lag = behind ? Math.Max(live.LagSeconds, silence.TotalSeconds) : 0;
        return
        [
            .. ReadModelFactory.Names.Select(name => new ProjectionState(
                name, live.Position, lag,
                rows.ContainsKey("rebuild:" + name) ? "rebuilding" : runner.Failure is not null ? "stopped" : behind && silence > Silent ? "waiting" : "running",
                runner.Failure)),
        ];
    }

    public async Task<bool> RebuildAsync(string name, CancellationToken cancellationToken)
    {
        if (!ReadModelFactory.Names.Contains(name))
            return false;
        await rebuilder.RequestAsync(name, cancellationToken);
        return true;
    }

    private async Task<Dictionary<string, (LogPosition Position, double LagSeconds, DateTimeOffset UpdatedAt)>> RowsAsync(
        CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, (LogPosition, double, DateTimeOffset)>();
        await using var command = database.CreateCommand($"SELECT name, position, lag_seconds, updated_at FROM {MartenRegistration.Schema}.checkpoints");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows[reader.GetString(0)] = (
                new LogPosition((ulong)reader.GetDecimal(1)), reader.GetDouble(2), reader.GetFieldValue<DateTimeOffset>(3));
        }

        return rows;
    }
}
