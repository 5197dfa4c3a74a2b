using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Marten;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The rows that say how far the views are, which models those are, and which rebuilds are asked for. Moving one names
/// the place it is moved from, so that of two runners only one commits.
/// </summary>
internal static class Checkpoint
{
    private const string RebuildPrefix = "rebuild:";

    /// <summary>
    /// The checkpoint of the views that are in use; in a shadow schema, of those that are built anew.
    /// </summary>
    public const string Live = "live";

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.checkpoints");
        table.AddColumn("name", "text").AsPrimaryKey(); // "live", or that of a rebuild.
        table.AddColumn("position", "numeric(20,0)").NotNull();
        table.AddColumn("lag_seconds", "double precision").NotNull();
        table.AddColumn("updated_at", "timestamptz").NotNull();
        table.AddColumn("models", "text[]"); // Of "live": the models that hold everything up to the position.
        options.Storage.ExtendedSchemaObjects.Add(table);
    }

    /// <summary>The row that asks for a rebuild of a model.</summary>
    public static string RebuildOf(string model) => RebuildPrefix + model;

    /// <summary>The model whose rebuild a row asks for.</summary>
    public static string ModelOf(string rebuild) => rebuild[RebuildPrefix.Length..];

    /// <summary>
    /// A new leader's first look. Models that the last leader did not fold (they are new, or an earlier version led
    /// meanwhile) do not hold what it folded: they are left out, and their rebuild is asked for.
    /// </summary>
    /// <param name="models">Those that this node folds.</param>
    /// <param name="unnoted">Those that a database holds where nothing is noted.</param>
    /// <returns>Where the views are, and which models are there.</returns>
    public static async Task<(LogPosition Position, IReadOnlyList<string> Filled)> TakeUpAsync(
        NpgsqlDataSource database, IReadOnlyList<string> models, IReadOnlyList<string> unnoted, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            WITH last AS (
                SELECT CASE WHEN position = 0 THEN $1 ELSE coalesce(models, $2) END AS models FROM checkpoints WHERE name = '{Live}'
            ), own AS (
                SELECT o.name, o.name = ANY (coalesce((SELECT l.models FROM last l), $1)) AS is_filled FROM unnest($1) AS o(name)
            ), asked AS (
                INSERT INTO checkpoints (name, position, lag_seconds, updated_at)
                SELECT '{RebuildPrefix}' || o.name, 0, 0, now() FROM own o WHERE NOT o.is_filled ON CONFLICT (name) DO NOTHING
            )
            INSERT INTO checkpoints (name, position, lag_seconds, updated_at, models)
            SELECT '{Live}', 0, 0, now(), ARRAY(SELECT o.name FROM own o WHERE o.is_filled)
            ON CONFLICT (name) DO UPDATE SET updated_at = now(), models = excluded.models RETURNING position, models
            """);
        command.Parameters.Add(new() { Value = models.ToArray() });
        command.Parameters.Add(new() { Value = unnoted.ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return (new LogPosition((ulong)row.GetDecimal(0)), row.GetFieldValue<string[]>(1));
    }

    /// <summary>The checkpoint of a rebuild, in its schema.</summary>
    public static async Task BeginRebuildAsync(NpgsqlDataSource tables, CancellationToken cancellationToken)
    {
        await using var command = tables.CreateCommand($"INSERT INTO checkpoints (name, position, lag_seconds, updated_at) VALUES ('{Live}', 0, 0, now())");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// The first statement of a transaction. It locks the row until the transaction ends, so a second runner waits
    /// here, and then finds the row moved. The commit is durable, whatever the database is set to: the writer trusts a
    /// position that was announced (docs/adr/0014).
    /// </summary>
    /// <param name="lagSeconds">How old the first event of the run is.</param>
    /// <exception cref="CheckpointMovedException">
    /// Another runner has moved it; the transaction must not commit.
    /// </exception>
    public static async Task MoveAsync(
        NpgsqlConnection connection, LogPosition from, LogPosition to, double lagSeconds, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText =
            $"""
            UPDATE checkpoints SET position = $2, lag_seconds = $3, updated_at = now() WHERE name = '{Live}' AND position = $1
            RETURNING {DurableCommit.Sql}
            """;
        command.Parameters.Add(new() { Value = (decimal)from.Value });
        command.Parameters.Add(new() { Value = (decimal)to.Value });
        command.Parameters.Add(new() { Value = lagSeconds });
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new CheckpointMovedException(from);
    }

    /// <summary>Says that the leader is alive though nothing happens.</summary>
    /// <exception cref="CheckpointMovedException">Another runner leads.</exception>
    public static async Task TouchAsync(NpgsqlDataSource database, LogPosition at, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"UPDATE checkpoints SET lag_seconds = 0, updated_at = now() WHERE name = '{Live}' AND position = $1");
        command.Parameters.Add(new() { Value = (decimal)at.Value });
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new CheckpointMovedException(at);
    }

    /// <summary>Holds a checkpoint where it is until the transaction ends.</summary>
    /// <exception cref="CheckpointMovedException">It is elsewhere.</exception>
    public static async Task HoldAsync(NpgsqlConnection connection, LogPosition at, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT position FROM checkpoints WHERE name = '{Live}' AND position = $1 FOR UPDATE";
        command.Parameters.Add(new() { Value = (decimal)at.Value });
        if (await command.ExecuteScalarAsync(cancellationToken) is null)
            throw new CheckpointMovedException(at);
    }
}

/// <summary>A checkpoint is not where this runner left it: another one is at work.</summary>
internal sealed class CheckpointMovedException(LogPosition from) : Exception($"The checkpoint is not at {from} any more: another runner is at work.");
