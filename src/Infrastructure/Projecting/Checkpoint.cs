using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>The rows that say how far the views are. Moving one names the place it is moved from, so that of two runners only one commits.</summary>
internal static class Checkpoint
{
    public const string Live = "live";

    public static async Task<LogPosition> ReadAsync(NpgsqlConnection connection, string schema, string name, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText =
            $"""
            INSERT INTO {schema}.checkpoints (name, position, lag_seconds, updated_at) VALUES ($1, 0, 0, now())
            ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING position
            """;
        command.Parameters.Add(new() { Value = name });
        return new LogPosition((ulong)(decimal)(await command.ExecuteScalarAsync(cancellationToken))!);
    }

    /// <exception cref="InvalidOperationException">Another runner has moved it; the transaction must not commit.</exception>
    public static async Task MoveAsync(
        NpgsqlConnection connection, string schema, string name, LogPosition from, LogPosition to, double lagSeconds, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText =
            $"UPDATE {schema}.checkpoints SET position = $3, lag_seconds = $4, updated_at = now() WHERE name = $1 AND position = $2";
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = (decimal)from.Value });
        command.Parameters.Add(new() { Value = (decimal)to.Value });
        command.Parameters.Add(new() { Value = lagSeconds });
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new InvalidOperationException($"The checkpoint {name} is not at {from} any more: another runner is at work.");
    }
}
