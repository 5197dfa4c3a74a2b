using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Media;

/// <summary>Counts what a user has stored and reserved. Whoever reserves holds the user's lock meanwhile.</summary>
internal static class MediaQuotas
{
    /// <summary>A condition on a file <c>f</c>: no message refers to it, and it is no avatar.</summary>
    public const string Unreferenced =
        """
        NOT EXISTS (SELECT FROM media_references r WHERE r.file_id = f.file_id)
        AND NOT EXISTS (SELECT FROM avatars a WHERE a.file_id = f.file_id)
        """;

    /// <summary>
    /// Makes reservations of one user follow one another, until the transaction ends. A statement after this one sees
    /// what the earlier ones have committed.
    /// </summary>
    public static Task LockAsync(NpgsqlConnection connection, UserId owner, CancellationToken cancellationToken) =>
        PostgresMedia.Command(
            connection, "SELECT pg_advisory_xact_lock(hashtext('chatcqrs-media'), hashtext($1))", owner.ToString())
            .ExecuteNonQueryAsync(cancellationToken);

    /// <summary>The bytes that are left for one more file; 0 if no file is left.</summary>
    /// <param name="except">An unfinished upload that does not count; an empty id for none.</param>
    public static async Task<long> LeftAsync(
        NpgsqlConnection connection, MediaQuota quota, Guid except, CancellationToken cancellationToken)
    {
        await using var command = PostgresMedia.Command(
            connection,
            $"""
            WITH stored AS (
                SELECT coalesce(f.size, (SELECT b.size FROM media_blobs b WHERE b.sha256 = f.sha256)) AS size,
                    f.used_at >= $2 AND {Unreferenced} AS unreferenced
                FROM media_files f WHERE f.owner = $1
                UNION ALL
                SELECT reserved, true FROM media_uploads
                WHERE owner = $1 AND file_id IS NULL AND expires_at > $3 AND id <> $4
                UNION ALL
                SELECT reserved, true FROM media_garbage WHERE owner = $1 AND due > $3
            )
            SELECT coalesce(sum(size), 0)::bigint, count(*),
                coalesce(sum(size) FILTER (WHERE unreferenced), 0)::bigint, count(*) FILTER (WHERE unreferenced)
            FROM stored
            """,
            quota.Owner.Value, quota.UnusedSince, quota.Now, except);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return row.GetInt64(1) < quota.Files && row.GetInt64(3) < quota.UnreferencedFiles
            ? Math.Min(quota.Bytes - row.GetInt64(0), quota.UnreferencedBytes - row.GetInt64(2))
            : 0;
    }
}
