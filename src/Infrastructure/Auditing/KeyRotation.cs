using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// The change of a log's key: an entry names the new key, a checkpoint of the old key covers that entry, and only then
/// the new key may sign alone. Between the two, both sign. Each step compares what it changes, so that two nodes at
/// once, or a repetition, do it once.
/// </summary>
internal static class KeyRotation
{
    /// <summary>Appends the entry that names the next key.</summary>
    /// <returns>False if the log does not have this size any more: nothing was appended.</returns>
    public static Task<bool> AnnounceAsync(
        NpgsqlDataSource database, EntryLog log, long size, LogRecord.Key entry,
        CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await log.TryAppendAsync(connection, size, [entry.Encode()], cancellationToken))
            return false;
        await using var update = new NpgsqlCommand(
            $"UPDATE {AuditSchema.Logs} SET next_vkey = $2, next_entry = $3 WHERE log = $1", connection);
        update.Parameters.Add(new() { Value = log.Name });
        update.Parameters.Add(new() { Value = entry.Vkey });
        update.Parameters.Add(new() { Value = size });
        await update.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    });

    /// <summary>
    /// Makes the next key the log's key, if a published checkpoint covers its entry: until here the old key has signed
    /// each of them. The last one of the old key is kept for ever, for those who know that key alone.
    /// </summary>
    /// <returns>False if the old key has not signed that entry.</returns>
    public static async Task<bool> FollowAsync(
        NpgsqlDataSource database, EntryLog log, string vkey, CancellationToken cancellationToken) =>
        await database.ExecuteAsync(
            $"""
            WITH followed AS (
                UPDATE {AuditSchema.Logs} l SET vkey = next_vkey, next_vkey = NULL, next_entry = NULL
                WHERE l.log = $1 AND l.next_vkey = $2 AND l.next_entry < (
                    SELECT max(c.size) FROM {AuditSchema.Checkpoints} c WHERE c.log = l.log AND c.published)
                RETURNING l.log
            )
            UPDATE {AuditSchema.Checkpoints} c SET handover = true
            FROM followed WHERE c.log = followed.log AND c.size = (
                SELECT max(n.size) FROM {AuditSchema.Checkpoints} n WHERE n.log = followed.log AND n.published)
            """,
            cancellationToken, log.Name, vkey) == 1
        || (await log.StateAsync(cancellationToken))?.Vkey == vkey; // Another node was first.
}
