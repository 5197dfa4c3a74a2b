using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The state of the read models, asked on connections of its own: a node whose other connections are all in use is
/// busy, and not cut off from its database.
/// </summary>
internal sealed class ProjectionControl(
    IEventStore store, NpgsqlConnectionStringBuilder connection, Rebuilder rebuilder, RunnerState runner)
    : IProjections, IAsyncDisposable
{
    /// <summary>A leader shows that it is alive every other second; one that has not for so long is gone.</summary>
    private const double SilenceMax = 10;

    private const int ConnectionsMax = 2;

    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            ApplicationName = $"{connection.ApplicationName}-state",
            MinPoolSize = 0,
            MaxPoolSize = ConnectionsMax,
        });

    public async Task<IReadOnlyList<ProjectionState>> StatesAsync(CancellationToken cancellationToken)
    {
        var rows = await PostgresErrors.GuardAsync(() => RowsAsync(cancellationToken));
        var head = await store.HeadAsync(cancellationToken);
        var live = rows.GetValueOrDefault(Checkpoint.Live, new Row(LogPosition.Start, 0, double.MaxValue));
        var leaderless = live.Silence > SilenceMax;
        var lag = live.Position < head ? Math.Max(live.LagSeconds, leaderless ? live.Silence : 0) : 0;
        return
        [
            .. ReadModelFactory.Names.Select(
                name => StateOf(name, rows.GetValueOrDefault(Checkpoint.RebuildOf(name)))),
        ];

        ProjectionState StateOf(string name, Row? rebuild) => new(
            name, live.Position, lag,
            runner.Failure is not null ? "stopped"
                : leaderless ? "waiting"
                : rebuild is not null ? "rebuilding" : "running",
            runner.Failure ?? (rebuild is null ? null : $"rebuilt up to {rebuild.Position} of {head}"));
    }

    public Task<StreamsSetAside> SetAsideAsync(int limit, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var command = _database.CreateCommand(
                $"""
                SELECT stream, revision, position, event_id, type, reason, min(since), array_agg(model ORDER BY model),
                    count(*) OVER ()
                FROM {SetAside.Table} GROUP BY stream, revision, position, event_id, type, reason
                ORDER BY min(since), position LIMIT $1
                """);
            command.Parameters.Add(new() { Value = limit });
            var (count, first) = (0L, new List<StreamSetAside>());
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                first.Add(new StreamSetAside(
                    row.GetString(0), row.GetInt64(1), new LogPosition((ulong)row.GetDecimal(2)), row.GetGuid(3),
                    row.GetString(4), row.GetString(5), row.GetFieldValue<DateTimeOffset>(6),
                    row.GetFieldValue<string[]>(7)));
                count = row.GetInt64(8);
            }

            return new StreamsSetAside(count, first);
        });

    public async Task<bool> RebuildAsync(string name, CancellationToken cancellationToken)
    {
        if (!ReadModelFactory.Names.Contains(name))
            return false;
        await rebuilder.RequestAsync(name, cancellationToken);
        return true;
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private async Task<Dictionary<string, Row>> RowsAsync(CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, Row>();
        await using var command = _database.CreateCommand(
            """
            SELECT name, position, lag_seconds, extract(epoch FROM clock_timestamp() - updated_at)::double precision
            FROM checkpoints
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows[reader.GetString(0)] = new Row(
                new LogPosition((ulong)reader.GetDecimal(1)), reader.GetDouble(2), reader.GetDouble(3));
        }

        return rows;
    }

    /// <param name="Silence">Seconds since the row was last written, by the database's clock.</param>
    private sealed record Row(LogPosition Position, double LagSeconds, double Silence);
}
