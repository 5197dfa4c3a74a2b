using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>The rows that say how far the views are. Moving one names the place it is moved from, so that of two runners only one commits.</summary>
internal static class Checkpoint
{
    /// <summary>The checkpoint of the views that are in use; in a shadow schema, of those that are built anew.</summary>
    public const string Live = "live";

    /// <summary>A new leader's first look.</summary>
    public static async Task<LogPosition> TakeUpAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            INSERT INTO checkpoints (name, position, lag_seconds, updated_at) VALUES ('{Live}', 0, 0, now())
            ON CONFLICT (name) DO UPDATE SET updated_at = now() RETURNING position
            """);
        return new LogPosition((ulong)(decimal)(await command.ExecuteScalarAsync(cancellationToken))!);
    }

    /// <summary>
    /// The first statement of a transaction. It locks the row until the transaction ends, so a second runner waits here, and then finds the row moved. The commit is
    /// durable, whatever the database is set to: the writer trusts a position that was announced (docs/adr/0014).
    /// </summary>
    /// <param name="lagSeconds">How old the first event of the run is.</param>
    /// <exception cref="CheckpointMovedException">Another runner has moved it; the transaction must not commit.</exception>
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
