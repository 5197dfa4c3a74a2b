using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Marten;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The rows that say how far the views are, which models those are, who leads, and which rebuilds are asked for. Moving
/// one names the place it is moved from and the leader's epoch, so that of two runners only one commits, also where
/// nothing has moved since the one took over from the other.
/// </summary>
internal static class Checkpoint
{
    private const string RebuildPrefix = "rebuild:";

    /// <summary>The checkpoint is at <c>$1</c>, and the leader of epoch <c>$2</c> has taken it up last.</summary>
    private const string Held = $"name = '{Live}' AND position = $1 AND epoch = $2";

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
        table.AddColumn("epoch", "bigint"); // Of "live": how often a leader has taken up; null before the first did.
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
    /// <returns>The new epoch, where the views are, and which models are there.</returns>
    public static async Task<TakenUp> TakeUpAsync(
        NpgsqlDataSource database, IReadOnlyList<string> models, IReadOnlyList<string> unnoted,
        CancellationToken cancellationToken)
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
            INSERT INTO checkpoints AS c (name, position, lag_seconds, updated_at, models, epoch)
            SELECT '{Live}', 0, 0, now(), ARRAY(SELECT o.name FROM own o WHERE o.is_filled), 1
            ON CONFLICT (name) DO UPDATE SET
                updated_at = now(), models = excluded.models, epoch = coalesce(c.epoch, 0) + 1
            RETURNING position, models, epoch
            """);
        command.Parameters.Add(new() { Value = models.ToArray() });
        command.Parameters.Add(new() { Value = unnoted.ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new TakenUp(
            row.GetInt64(2), new LogPosition((ulong)row.GetDecimal(0)), row.GetFieldValue<string[]>(1));
    }

    /// <summary>The checkpoint of a rebuild, in its schema.</summary>
    public static async Task BeginRebuildAsync(
        NpgsqlDataSource tables, long epoch, CancellationToken cancellationToken)
    {
        await using var command = tables.CreateCommand(
            "INSERT INTO checkpoints (name, position, lag_seconds, updated_at, epoch) "
            + $"VALUES ('{Live}', 0, 0, now(), $1)");
        command.Parameters.Add(new() { Value = epoch });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// The first statement of a transaction. It locks the row until the transaction ends, so a second runner waits
    /// here, and then finds the row moved. The commit is durable, whatever the database is set to: the writer trusts a
    /// position that was announced (docs/adr/0014).
    /// </summary>
    /// <param name="epoch">The epoch of the leader that moves it.</param>
    /// <param name="lagSeconds">How old the first event of the run is.</param>
    /// <exception cref="CheckpointMovedException">
    /// Another runner has moved it or taken it up; the transaction must not commit.
    /// </exception>
    public static async Task MoveAsync(
        NpgsqlConnection connection, long epoch, LogPosition from, LogPosition to, double lagSeconds,
        CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText =
            $"""
            UPDATE checkpoints SET position = $2, lag_seconds = $3, updated_at = now()
            WHERE name = '{Live}' AND position = $1 AND epoch = $4
            RETURNING {DurableCommit.Sql}
            """;
        command.Parameters.Add(new() { Value = (decimal)from.Value });
        command.Parameters.Add(new() { Value = (decimal)to.Value });
        command.Parameters.Add(new() { Value = lagSeconds });
        command.Parameters.Add(new() { Value = epoch });
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new CheckpointMovedException(from);
    }

    /// <summary>Says that the leader is alive though nothing happens.</summary>
    /// <exception cref="CheckpointMovedException">Another runner leads.</exception>
    public static async Task TouchAsync(
        NpgsqlDataSource database, long epoch, LogPosition at, double lagSeconds, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"UPDATE checkpoints SET lag_seconds = $3, updated_at = now() WHERE {Held}");
        command.Parameters.Add(new() { Value = (decimal)at.Value });
        command.Parameters.Add(new() { Value = epoch });
        command.Parameters.Add(new() { Value = lagSeconds });
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new CheckpointMovedException(at);
    }

    /// <summary>Holds a checkpoint where it is until the transaction ends.</summary>
    /// <exception cref="CheckpointMovedException">It is elsewhere, or another leader has taken it up.</exception>
    public static async Task HoldAsync(
        NpgsqlConnection connection, long epoch, LogPosition at, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT position FROM checkpoints WHERE {Held} FOR UPDATE";
        command.Parameters.Add(new() { Value = (decimal)at.Value });
        command.Parameters.Add(new() { Value = epoch });
        if (await command.ExecuteScalarAsync(cancellationToken) is null)
            throw new CheckpointMovedException(at);
    }
}

/// <summary>What a new leader finds.</summary>
/// <param name="Epoch">Its leadership's number: greater than those of all leaders before it.</param>
/// <param name="Position">Where the views are.</param>
/// <param name="Filled">The models that hold everything up to there.</param>
internal sealed record TakenUp(long Epoch, LogPosition Position, IReadOnlyList<string> Filled);

/// <summary>A checkpoint is not where this runner left it: another one is at work.</summary>
internal sealed class CheckpointMovedException(LogPosition from) : Exception($"The checkpoint is not at {from} any more: another runner is at work.");
