using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Media;

/// <inheritdoc cref="IUploads"/>
internal sealed class PostgresUploads(NpgsqlDataSource database, PostgresMedia media, GarbageSignal garbage)
    : IUploads
{
    public async Task<bool> AddAsync(Upload upload, int unfinishedMax, CancellationToken cancellationToken)
    {
        var added = await database.ExecuteAsync(
            """
            INSERT INTO media_uploads (id, owner, length, received, file_type, name, expires_at)
            SELECT $1, $2, $3, 0, $4, $5, $6
            WHERE (SELECT count(*) FROM media_uploads WHERE owner = $2 AND file_id IS NULL) < $7
            """,
            cancellationToken, upload.Id, upload.Owner.Value, upload.Length, upload.FileType,
            PostgresMedia.NameParameter(upload.Name), upload.ExpiresAt, unfinishedMax);
        return added == 1;
    }

    public async Task<Upload?> FindAsync(Guid upload, CancellationToken cancellationToken) =>
        (await SelectAsync("id = $1", cancellationToken, upload)).SingleOrDefault();

    public async Task<IReadOnlyList<Upload>> UnfinishedAsync(UserId owner, CancellationToken cancellationToken) =>
        await SelectAsync("owner = $1 AND file_id IS NULL ORDER BY id", cancellationToken, owner.Value);

    public async Task<IReadOnlyList<Segment>> PartsAsync(Guid upload, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            "SELECT start, size, key FROM media_parts WHERE upload_id = $1 ORDER BY start",
            row => new Segment(row.GetInt64(0), row.GetInt64(1), new BlobKey(row.GetGuid(2))),
            cancellationToken, upload);

    public Task<bool> AppendAsync(
        Guid upload, long offset, IReadOnlyList<Segment> parts, CancellationToken cancellationToken) =>
        media.InTransactionAsync(async connection =>
        {
            var moved = await PostgresMedia.Command(
                connection,
                """
                UPDATE media_uploads SET received = received + $3
                WHERE id = $1 AND received = $2 AND received + $3 <= length AND file_id IS NULL
                """,
                upload, offset, parts.Sum(part => part.Size)).ExecuteNonQueryAsync(cancellationToken);
            var keys = parts.Select(part => part.Key.Value).ToArray();
            if (moved == 0)
            {
                await PostgresMedia.DiscardAsync(connection, keys, cancellationToken);
                return false;
            }

            await PostgresMedia.Command(connection, "DELETE FROM media_garbage WHERE key = ANY ($1)", keys)
                .ExecuteNonQueryAsync(cancellationToken);
            await PostgresMedia.Command(
                connection,
                "INSERT INTO media_parts (upload_id, start, size, key) SELECT $1, * FROM unnest($2, $3, $4)",
                upload, parts.Select(part => part.Offset).ToArray(), parts.Select(part => part.Size).ToArray(), keys)
                .ExecuteNonQueryAsync(cancellationToken);
            return true;
        }, cancellationToken);

    public async Task<KeptFile?> FinishAsync(Guid upload, NewFile file, CancellationToken cancellationToken)
    {
        var kept = await media.InTransactionAsync(
            connection => FinishAsync(connection, upload, file, cancellationToken), cancellationToken);
        garbage.Raise();
        return kept;
    }

    public async Task RemoveAsync(Guid upload, CancellationToken cancellationToken)
    {
        await RemoveAsync("id = $1", cancellationToken, upload);
        garbage.Raise();
    }

    public async Task<int> ExpireAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        var gone = await RemoveAsync(
            """
            id IN (SELECT id FROM media_uploads WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            """,
            cancellationToken, now, limit);
        if (gone > 0)
            garbage.Raise();
        return gone;
    }

    public async Task ForgetOwnedAsync(UserId owner, CancellationToken cancellationToken)
    {
        await RemoveAsync("owner = $1", cancellationToken, owner.Value);
        garbage.Raise();
    }

    private async Task<KeptFile?> FinishAsync(
        NpgsqlConnection connection, Guid upload, NewFile file, CancellationToken cancellationToken)
    {
        var state = await PostgresMedia.Command(
            connection, "SELECT coalesce(file_id, id) FROM media_uploads WHERE id = $1 FOR UPDATE", upload)
            .ExecuteScalarAsync(cancellationToken);
        if (state is not Guid known)
            return null;
        var done = await PostgresMedia.Command(
            connection, "SELECT true FROM media_uploads WHERE id = $1 AND file_id IS NOT NULL", upload)
            .ExecuteScalarAsync(cancellationToken);
        if (done is true)
            return new KeptFile(new FileId(known), file.ContentType, Duplicate: true);

        // The parts become garbage within this transaction; the file takes them from there, like those of any upload.
        await PostgresMedia.Command(
            connection,
            """
            WITH parts AS (DELETE FROM media_parts WHERE upload_id = $1 RETURNING key)
            INSERT INTO media_garbage (key, due) SELECT key, 'infinity' FROM parts
            """,
            upload).ExecuteNonQueryAsync(cancellationToken);
        var kept = await media.KeepAsync(connection, file, cancellationToken)
            ?? throw new InvalidOperationException($"The parts of the upload {upload} are not those of the file.");
        await PostgresMedia.Command(
            connection, "UPDATE media_uploads SET file_id = $2 WHERE id = $1", upload, kept.Id.Value)
            .ExecuteNonQueryAsync(cancellationToken);
        return kept;
    }

    /// <param name="where">A condition on uploads; an order may follow.</param>
    private Task<List<Upload>> SelectAsync(
        string where, CancellationToken cancellationToken, params object[] parameters) => database.QueryAsync(
        $"""
        SELECT id, owner, length, received, file_type, name, expires_at, file_id FROM media_uploads WHERE {where}
        """,
        row => new Upload(
            row.GetGuid(0), new UserId(row.GetGuid(1)), row.GetInt64(2), row.GetInt64(3), row.GetString(4),
            PostgresMedia.NameOf(row, 5), row.GetFieldValue<DateTimeOffset>(6),
            row.IsDBNull(7) ? null : new FileId(row.GetGuid(7))),
        cancellationToken, parameters);

    /// <summary>Deletes uploads and their parts, whose bytes become garbage that is due at once.</summary>
    /// <param name="where">A condition on uploads.</param>
    /// <returns>The number of uploads.</returns>
    private async Task<int> RemoveAsync(
        string where, CancellationToken cancellationToken, params object[] parameters)
    {
        var counts = await database.QueryAsync(
            $"""
            WITH gone AS (DELETE FROM media_uploads WHERE {where} RETURNING id),
            parts AS (DELETE FROM media_parts p USING gone WHERE p.upload_id = gone.id RETURNING p.key),
            garbage AS (INSERT INTO media_garbage (key, due) SELECT key, '-infinity' FROM parts)
            SELECT count(*)::int FROM gone
            """,
            row => row.GetInt32(0), cancellationToken, parameters);
        return counts.Single();
    }
}
