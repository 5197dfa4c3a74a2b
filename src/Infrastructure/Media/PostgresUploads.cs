using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Media;

/// <inheritdoc cref="IUploads"/>
internal sealed class PostgresUploads(NpgsqlDataSource database, PostgresMedia media, GarbageSignal garbage)
    : IUploads
{
    /// <summary>The column <c>length</c> while the length is unknown.</summary>
    private const long Unknown = -1;

    public Task<UploadAdded> AddAsync(
        Upload upload, int unfinishedMax, MediaQuota quota, CancellationToken cancellationToken) =>
        media.InTransactionAsync(async connection =>
        {
            await MediaQuotas.LockAsync(connection, upload.Owner, cancellationToken);
            var unfinished = await PostgresMedia.Command(
                connection, "SELECT count(*) FROM media_uploads WHERE owner = $1 AND file_id IS NULL",
                upload.Owner.Value).ExecuteScalarAsync(cancellationToken);
            if ((long)unfinished! >= unfinishedMax)
                return UploadAdded.TooMany;
            var left = await MediaQuotas.LeftAsync(connection, quota, Guid.Empty, cancellationToken);
            if (left < Math.Max(1, upload.Length ?? 0))
                return UploadAdded.OverQuota;
            await InsertAsync(connection, upload, cancellationToken);
            return UploadAdded.Added;
        }, cancellationToken);

    public Task<bool> ReserveAsync(Guid upload, long bytes, MediaQuota quota, CancellationToken cancellationToken) =>
        ReserveAsync(
            "UPDATE media_uploads SET reserved = greatest(reserved, $2) WHERE id = $1", upload, bytes, quota,
            cancellationToken);

    public Task<bool> SetLengthAsync(
        Guid upload, long length, MediaQuota quota, CancellationToken cancellationToken) => ReserveAsync(
        $"UPDATE media_uploads SET reserved = $2, length = $2 WHERE id = $1 AND length = {Unknown} AND received <= $2",
        upload, length, quota, cancellationToken);

    public Task<bool> JoinAsync(Upload final, IReadOnlyList<Guid> partials, CancellationToken cancellationToken) =>
        media.InTransactionAsync(async connection =>
        {
            var sizes = await LockPartialsAsync(connection, final.Owner, partials, cancellationToken);
            if (sizes.Count != partials.Count || sizes.Values.Sum() != final.Length)
                return false;
            var ids = partials.ToArray();
            var starts = new long[ids.Length];
            for (var i = 1; i < ids.Length; i++)
                starts[i] = starts[i - 1] + sizes[ids[i - 1]];
            await InsertAsync(connection, final, cancellationToken);
            await PostgresMedia.Command(
                connection,
                """
                UPDATE media_parts p SET upload_id = $1, start = p.start + moved.start
                FROM unnest($2, $3) AS moved(id, start) WHERE p.upload_id = moved.id
                """,
                final.Id, ids, starts).ExecuteNonQueryAsync(cancellationToken);
            await PostgresMedia.Command(connection, "DELETE FROM media_uploads WHERE id = ANY ($1)", ids)
                .ExecuteNonQueryAsync(cancellationToken);
            return true;
        }, cancellationToken);

    public async Task<Upload?> FindFinalAsync(UserId owner, string concat, CancellationToken cancellationToken) =>
        (await SelectAsync("owner = $1 AND concat = $2 ORDER BY id LIMIT 1", cancellationToken, owner.Value, concat))
        .SingleOrDefault();

    public async Task<Upload?> FindAsync(Guid upload, CancellationToken cancellationToken) =>
        (await SelectAsync("id = $1", cancellationToken, upload)).SingleOrDefault();

    public async Task<IReadOnlyList<Upload>> UnfinishedAsync(UserId owner, CancellationToken cancellationToken) =>
        await SelectAsync("owner = $1 AND file_id IS NULL ORDER BY id", cancellationToken, owner.Value);

    public async Task<IReadOnlyList<Segment>> PartsAsync(Guid upload, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            "SELECT start, size, key FROM media_parts WHERE upload_id = $1 ORDER BY start",
            row => new Segment(row.GetInt64(0), row.GetInt64(1), new BlobKey(row.GetGuid(2))),
            cancellationToken, upload);

    public async Task<Segment?> LastPartAsync(Guid upload, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            "SELECT start, size, key FROM media_parts WHERE upload_id = $1 ORDER BY start DESC LIMIT 1",
            row => new Segment(row.GetInt64(0), row.GetInt64(1), new BlobKey(row.GetGuid(2))),
            cancellationToken, upload)).SingleOrDefault();

    public async Task<bool> AppendAsync(
        Guid upload, long offset, IReadOnlyList<Segment> parts, CancellationToken cancellationToken)
    {
        var appended = await media.InTransactionAsync(async connection =>
        {
            var moved = await PostgresMedia.Command(
                connection,
                $"""
                UPDATE media_uploads SET received = $3
                WHERE id = $1 AND received = $2 AND (length = {Unknown} OR $3 <= length) AND file_id IS NULL
                """,
                upload, offset, parts[^1].Offset + parts[^1].Size).ExecuteNonQueryAsync(cancellationToken);
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
                """
                WITH replaced AS (DELETE FROM media_parts WHERE upload_id = $1 AND start >= $2 RETURNING key)
                INSERT INTO media_garbage (key, due) SELECT key, '-infinity' FROM replaced
                """,
                upload, parts[0].Offset).ExecuteNonQueryAsync(cancellationToken);
            await PostgresMedia.Command(
                connection,
                "INSERT INTO media_parts (upload_id, start, size, key) SELECT $1, * FROM unnest($2, $3, $4)",
                upload, parts.Select(part => part.Offset).ToArray(), parts.Select(part => part.Size).ToArray(), keys)
                .ExecuteNonQueryAsync(cancellationToken);
            return true;
        }, cancellationToken);
        garbage.Raise();
        return appended;
    }

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

    /// <param name="change">Takes the upload's id and the bytes that it needs in all.</param>
    private Task<bool> ReserveAsync(
        string change, Guid upload, long bytes, MediaQuota quota, CancellationToken cancellationToken) =>
        media.InTransactionAsync(async connection =>
        {
            await MediaQuotas.LockAsync(connection, quota.Owner, cancellationToken);
            return bytes <= await MediaQuotas.LeftAsync(connection, quota, upload, cancellationToken)
                && await PostgresMedia.Command(connection, change, upload, bytes)
                    .ExecuteNonQueryAsync(cancellationToken) == 1;
        }, cancellationToken);

    private static Task InsertAsync(
        NpgsqlConnection connection, Upload upload, CancellationToken cancellationToken) => PostgresMedia.Command(
        connection,
        """
        INSERT INTO media_uploads (id, owner, length, received, file_type, name, expires_at, reserved, metadata, concat)
        VALUES ($1, $2, $3, $4, $5, $6, $7, greatest($3, 0), $8, $9)
        """,
        upload.Id, upload.Owner.Value, upload.Length ?? Unknown, upload.Received, upload.FileType,
        PostgresMedia.SealedParameter(upload.Name), upload.ExpiresAt, PostgresMedia.SealedParameter(upload.Metadata),
        new NpgsqlParameter { Value = (object?)upload.Concat ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text })
        .ExecuteNonQueryAsync(cancellationToken);

    /// <returns>The sizes of those that are complete partial uploads of the user.</returns>
    private static async Task<Dictionary<Guid, long>> LockPartialsAsync(
        NpgsqlConnection connection, UserId owner, IReadOnlyList<Guid> partials, CancellationToken cancellationToken)
    {
        await using var command = PostgresMedia.Command(
            connection,
            $"""
            SELECT id, length FROM media_uploads
            WHERE id = ANY ($1) AND owner = $2 AND concat = '{Upload.Partial}' AND received = length
            ORDER BY id FOR UPDATE
            """,
            partials.ToArray(), owner.Value);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var sizes = new Dictionary<Guid, long>();
        while (await row.ReadAsync(cancellationToken))
            sizes.Add(row.GetGuid(0), row.GetInt64(1));
        return sizes;
    }

    /// <param name="where">A condition on uploads; an order may follow.</param>
    private Task<List<Upload>> SelectAsync(
        string where, CancellationToken cancellationToken, params object[] parameters) => database.QueryAsync(
        $"""
        SELECT id, owner, length, received, file_type, name, expires_at, file_id, metadata, concat
        FROM media_uploads WHERE {where}
        """,
        row => new Upload(
            row.GetGuid(0), new UserId(row.GetGuid(1)), row.GetInt64(2) is >= 0 and var length ? length : null,
            row.GetInt64(3), row.GetString(4), PostgresMedia.SealedOf(row, 5), row.GetFieldValue<DateTimeOffset>(6),
            row.IsDBNull(7) ? null : new FileId(row.GetGuid(7)))
        {
            Metadata = PostgresMedia.SealedOf(row, 8),
            Concat = row.IsDBNull(9) ? null : row.GetString(9),
        },
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
