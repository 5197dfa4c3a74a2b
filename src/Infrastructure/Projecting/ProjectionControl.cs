using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <inheritdoc cref="IProjections"/>
internal sealed class ProjectionControl(IEventStore store, NpgsqlDataSource database, Rebuilder rebuilder, RunnerState runner) : IProjections
{
    /// <summary>A leader shows that it is alive every other second; one that has not for so long is gone.</summary>
    private const double SilenceMax = 10;

    public async Task<IReadOnlyList<ProjectionState>> StatesAsync(CancellationToken cancellationToken)
    {
        var rows = await PostgresErrors.GuardAsync(() => RowsAsync(cancellationToken));
        var head = await store.HeadAsync(cancellationToken);
        var live = rows.GetValueOrDefault(Checkpoint.Live, new Row(LogPosition.Start, 0, double.MaxValue));
        var leaderless = live.Silence > SilenceMax;
        var lag = live.Position < head ? Math.Max(live.LagSeconds, leaderless ? live.Silence : 0) : 0;
        return [.. ReadModelFactory.Names.Select(name => StateOf(name, rows.GetValueOrDefault(Checkpoint.RebuildOf(name))))];

        ProjectionState StateOf(string name, Row? rebuild) => new(
            name, live.Position, lag,
            runner.Failure is not null ? "stopped" : leaderless ? "waiting" : rebuild is not null ? "rebuilding" : "running",
            runner.Failure ?? (rebuild is null ? null : $"rebuilt up to {rebuild.Position} of {head}"));
    }

    public async Task<bool> RebuildAsync(string name, CancellationToken cancellationToken)
    {
        if (!ReadModelFactory.Names.Contains(name))
            return false;
        await rebuilder.RequestAsync(name, cancellationToken);
        return true;
    }

    private async Task<Dictionary<string, Row>> RowsAsync(CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, Row>();
        await using var command = database.CreateCommand(
            """
            SELECT name, position, lag_seconds, extract(epoch FROM clock_timestamp() - updated_at)::double precision
            FROM checkpoints
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            rows[reader.GetString(0)] = new Row(new LogPosition((ulong)reader.GetDecimal(1)), reader.GetDouble(2), reader.GetDouble(3));
        return rows;
    }

    /// <param name="Silence">Seconds since the row was last written, by the database's clock.</param>
    private sealed record Row(LogPosition Position, double LagSeconds, double Silence);
}
