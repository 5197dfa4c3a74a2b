using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// Removes old events from the log: one small statement hides them, then small transactions delete them in pieces.
/// Events that a crash leaves behind stay hidden; the next truncation of the stream deletes them.
/// </summary>
internal sealed class LogTruncation(NpgsqlDataSource database)
{
    private const int PieceSize = 1_000;

    private readonly string _hide =
        """
        UPDATE log_streams s SET truncated_before = greatest(s.truncated_before, least($2, 1 + greatest(
            s.truncated_before - 1, (SELECT max(e.revision) FROM log_events e WHERE e.stream_key = s.key))))
        WHERE s.name = $1
        """;

    // No position is assigned twice: if the log's last event is deleted, log_floor keeps its position.
    private readonly string _delete =
        $"""
        WITH piece AS (
            SELECT e.position FROM log_events e
            WHERE e.stream_key = (SELECT key FROM log_streams WHERE name = $1)
              AND e.revision < (SELECT truncated_before FROM log_streams WHERE name = $1)
            ORDER BY e.revision LIMIT {PieceSize}
        ), kept AS (
            INSERT INTO log_floor AS f (id, position)
            SELECT 1, p.last FROM (SELECT max(position) AS last FROM piece) AS p
            WHERE p.last = (SELECT max(position) FROM log_events)
            ON CONFLICT (id) DO UPDATE SET position = greatest(f.position, excluded.position)
        )
        DELETE FROM log_events e USING piece p WHERE e.position = p.position
        """;

    public async Task RunAsync(string stream, long before, CancellationToken cancellationToken)
    {
        await using (var hide = database.CreateCommand(_hide))
        {
            hide.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
            hide.Parameters.Add(new NpgsqlParameter<long> { TypedValue = before });
            await hide.ExecuteNonQueryAsync(cancellationToken);
        }

        for (var deleted = PieceSize; deleted == PieceSize;)
        {
            await using var delete = database.CreateCommand(_delete);
            delete.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
            deleted = await delete.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
