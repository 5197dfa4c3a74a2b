using System.Data;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Media;

/// <inheritdoc cref="IMedia"/>
internal sealed class PostgresMedia(NpgsqlDataSource database, GarbageSignal garbage) : IMedia
{
    /// <summary>The most conversations that are searched for one in which the user may see a file.</summary>
    private const int ReferencesMax = 16;

    /// <summary>
    /// Of a file with up to so many references, each is looked at; of one with more, each conversation of the user. So
    /// neither a file that was sent to very many conversations nor a user who is in many makes every look-up slow.
    /// </summary>
    internal const int FewReferences = 200;

    public Task ReserveAsync(BlobKey key, DateTimeOffset until, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "INSERT INTO media_garbage (key, due) VALUES ($1, $2)", cancellationToken, key.Value, until);

    public Task<long?> ReserveAsync(
        BlobKey key, DateTimeOffset until, long least, long most, MediaQuota quota,
        CancellationToken cancellationToken) => InTransactionAsync(async connection =>
    {
        await MediaQuotas.LockAsync(connection, quota.Owner, cancellationToken);
        var left = await MediaQuotas.LeftAsync(connection, quota, Guid.Empty, cancellationToken);
        if (left < least)
            return (long?)null;
        var reserved = Math.Min(left, most);
        await Command(
            connection, "INSERT INTO media_garbage (key, due, owner, reserved) VALUES ($1, $2, $3, $4)",
            key.Value, until, quota.Owner.Value, reserved).ExecuteNonQueryAsync(cancellationToken);
        return reserved;
    }, cancellationToken);

    public async Task DiscardAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken)
    {
        await database.ExecuteAsync(
            "UPDATE media_garbage SET due = '-infinity' WHERE key = ANY ($1)",
            cancellationToken, keys.Select(key => key.Value).ToArray());
        garbage.Raise();
    }

    public async Task<KeptFile?> KeepAsync(NewFile file, CancellationToken cancellationToken)
    {
        var kept = await InTransactionAsync(
            connection => KeepAsync(connection, file, cancellationToken), cancellationToken);
        garbage.Raise();
        return kept;
    }

    public async Task<MediaFile?> FindAsync(FileId file, CancellationToken cancellationToken) =>
        (await FilesAsync("f.file_id = $1", cancellationToken, file.Value)).SingleOrDefault();

    public async Task<IReadOnlyList<MediaFile>> FindAsync(
        IReadOnlyCollection<FileId> files, CancellationToken cancellationToken) =>
        await FilesAsync("f.file_id = ANY ($1)", cancellationToken, files.Select(file => file.Value).ToArray());

    public async Task<bool> IsSentAsync(FileId file, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            $"""
            SELECT FROM media_references r
            WHERE r.file_id = $1 AND NOT EXISTS (
                SELECT FROM timeline t
                WHERE t.conversation_id = r.conversation_id AND t.seq = r.seq AND ({ReadModelRows.IsKept}) IS NOT TRUE)
            LIMIT 1
            """,
            _ => true, cancellationToken, file.Value);
        return found.Count > 0;
    }

    public async Task<IReadOnlyList<MediaFile>> OwnedAsync(
        UserId owner, FileId? after, int limit, CancellationToken cancellationToken) => await FilesAsync(
        "f.owner = $1 AND f.file_id > $2 ORDER BY f.file_id LIMIT $3",
        cancellationToken, owner.Value, after?.Value ?? Guid.Empty, limit);

    /// <summary>
    /// The first branch of the union reads nothing of a file with many references, the second one nothing of one with
    /// few: nothing equals null. LIMIT and OFFSET 0 keep each look-up a walk along an index, whatever the
    /// statistics say; <c>left_seq</c> is compared outside, so that the members of a large group are not read.
    /// </summary>
    internal static readonly string FindForQuery =
        $"""
        SELECT f.user_id, f.file_id, f.is_own, r.conversations, r.seqs
        FROM (
            SELECT w.user_id, f.file_id, f.owner = w.user_id AS is_own
            FROM unnest($1, $2) AS w(user_id, file_id) JOIN media_files f ON f.file_id = w.file_id OFFSET 0
        ) f
        CROSS JOIN LATERAL (
            SELECT count(*) <= {FewReferences} AS is_few
            FROM (SELECT FROM media_references r WHERE r.file_id = f.file_id LIMIT {FewReferences + 1}) s
        ) n
        LEFT JOIN LATERAL (
            SELECT array_agg(l.conversation_id ORDER BY l.at DESC) AS conversations, array_agg(l.seq ORDER BY l.at DESC) AS seqs
            FROM (
                SELECT m.conversation_id, newest.seq, newest.at
                FROM (
                    SELECT o.conversation_id, o.joined_seq
                    FROM (
                        SELECT DISTINCT r.conversation_id FROM media_references r
                        WHERE r.file_id = CASE WHEN n.is_few AND NOT f.is_own THEN f.file_id END
                    ) c
                    CROSS JOIN LATERAL (
                        SELECT m.conversation_id, m.joined_seq, m.left_seq FROM members() m
                        WHERE m.conversation_id = c.conversation_id AND m.user_id = f.user_id OFFSET 0
                    ) o
                    WHERE o.left_seq IS NULL
                    UNION ALL
                    SELECT m.conversation_id, m.joined_seq FROM members() m
                    WHERE m.user_id = CASE WHEN NOT (n.is_few OR f.is_own) THEN f.user_id END AND m.left_seq IS NULL
                ) m
                CROSS JOIN LATERAL (
                    SELECT r.seq, r.at FROM media_references r
                    WHERE r.file_id = f.file_id AND r.conversation_id = m.conversation_id AND r.seq >= m.joined_seq AND NOT EXISTS (
                        SELECT FROM timeline t
                        WHERE t.conversation_id = r.conversation_id AND t.seq = r.seq AND ({ReadModelRows.IsKept}) IS NOT TRUE)
                    ORDER BY r.seq DESC LIMIT 1
                ) newest
                ORDER BY newest.at DESC LIMIT {ReferencesMax}
            ) l
        ) r ON NOT f.is_own
        """;

    public async Task<IReadOnlyList<FoundFile>> FindForAsync(
        IReadOnlyCollection<(UserId User, FileId File)> files, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            FindForQuery,
            row => new FoundFile(
                new UserId(row.GetGuid(0)), new FileId(row.GetGuid(1)), row.GetBoolean(2),
                row.IsDBNull(3) ? [] : ReferencesOf(row.GetFieldValue<Guid[]>(3), row.GetFieldValue<long[]>(4))),
            cancellationToken,
            files.Select(pair => pair.User.Value).ToArray(), files.Select(pair => pair.File.Value).ToArray());

    /// <summary>Locks the rows in the order of their ids, so that two nodes do not wait for each other.</summary>
    public async Task<IReadOnlySet<FileId>> TouchAsync(
        IReadOnlyCollection<FileId> files, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            """
            WITH found AS (SELECT file_id FROM media_files WHERE file_id = ANY ($1) ORDER BY file_id FOR UPDATE),
            touched AS (
                UPDATE media_files f SET used_at = $2 FROM found WHERE f.file_id = found.file_id AND f.used_at < $2)
            SELECT file_id FROM found
            """,
            row => new FileId(row.GetGuid(0)), cancellationToken, files.Select(file => file.Value).ToArray(), now);
        return found.ToHashSet();
    }

    public Task<int> ForgetUnreferencedAsync(
        DateTimeOffset unusedSince, int limit, CancellationToken cancellationToken) => ForgetAsync(
        $"""
        DELETE FROM media_files WHERE file_id IN (
            SELECT f.file_id FROM media_files f WHERE f.used_at < $1 AND {MediaQuotas.Unreferenced} AND {HeldSchema.IsNotHeld}
            ORDER BY f.used_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        AND used_at < $1 RETURNING sha256
        """,
        cancellationToken, unusedSince, limit);

    public Task<int> ForgetOwnedAsync(UserId owner, int limit, CancellationToken cancellationToken) => ForgetAsync(
        $"""
        DELETE FROM media_files WHERE file_id IN (
            SELECT f.file_id FROM media_files f WHERE f.owner = $1 AND {HeldSchema.IsNotHeld} ORDER BY f.file_id LIMIT $2 FOR UPDATE)
        RETURNING sha256
        """,
        cancellationToken, owner.Value, limit);

    public async Task<IReadOnlyList<BlobKey>> GarbageAsync(
        DateTimeOffset now, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT key FROM media_garbage WHERE due <= $1 ORDER BY due LIMIT $2",
        row => new BlobKey(row.GetGuid(0)), cancellationToken, now, limit);

    public Task ClearedAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "DELETE FROM media_garbage WHERE key = ANY ($1)",
            cancellationToken, keys.Select(key => key.Value).ToArray());

    public Task PostponeAsync(
        IReadOnlyCollection<BlobKey> keys, DateTimeOffset due, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "UPDATE media_garbage SET due = $2 WHERE key = ANY ($1)",
            cancellationToken, keys.Select(key => key.Value).ToArray(), due.UtcDateTime);

    internal Task<T> InTransactionAsync<T>(
        Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var result = await work(connection);
            await transaction.CommitAsync(cancellationToken);
            return result;
        });

    /// <summary>
    /// Locks the content's row until the transaction ends: of several uploads of the same bytes at once, the first
    /// one's bytes are kept and the others become garbage, and nothing collects the content meanwhile.
    /// </summary>
    /// <returns>Null if a key is no longer reserved.</returns>
    internal async Task<KeptFile?> KeepAsync(
        NpgsqlConnection connection, NewFile file, CancellationToken cancellationToken)
    {
        var sha256 = file.Sha256.ToArray();
        var keys = file.Segments.Select(segment => segment.Key.Value).ToArray();
        if (!await TakeAsync(connection, keys, file.At, cancellationToken))
            return null;
        var isNew = (bool)(await Command(
            connection,
            """
            INSERT INTO media_blobs (sha256, size) VALUES ($1, $2)
            ON CONFLICT (sha256) DO UPDATE SET size = excluded.size RETURNING xmax = 0
            """,
            sha256, file.Size).ExecuteScalarAsync(cancellationToken))!;
        if (isNew)
            await InsertSegmentsAsync(connection, sha256, file.Segments, cancellationToken);
        else
            await DiscardAsync(connection, keys, cancellationToken);
        return await InsertFileAsync(connection, file, sha256, cancellationToken);
    }

    /// <summary>Makes keys garbage that is due at once.</summary>
    internal static Task DiscardAsync(
        NpgsqlConnection connection, Guid[] keys, CancellationToken cancellationToken) => Command(
        connection,
        """
        INSERT INTO media_garbage (key, due) SELECT key, '-infinity' FROM unnest($1) AS key
        ON CONFLICT (key) DO UPDATE SET due = '-infinity'
        """,
        keys).ExecuteNonQueryAsync(cancellationToken);

    /// <summary>Takes keys out of the garbage, provided that none is due.</summary>
    /// <returns>False if a key is due or gone; then the transaction must not commit.</returns>
    internal static async Task<bool> TakeAsync(
        NpgsqlConnection connection, Guid[] keys, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var taken = await Command(connection, "DELETE FROM media_garbage WHERE key = ANY ($1) AND due > $2", keys, now)
            .ExecuteNonQueryAsync(cancellationToken);
        return taken == keys.Length;
    }

    internal static NpgsqlCommand Command(
        NpgsqlConnection connection, string sql, params ReadOnlySpan<object> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
        return command;
    }

    internal static NpgsqlParameter SealedParameter(SealedContent? content) =>
        new() { Value = content is null ? DBNull.Value : content.Bytes.ToArray(), NpgsqlDbType = NpgsqlDbType.Bytea };

    private static Task InsertSegmentsAsync(
        NpgsqlConnection connection, byte[] sha256, IReadOnlyList<Segment> segments,
        CancellationToken cancellationToken) => Command(
        connection,
        "INSERT INTO media_segments (sha256, start, size, key) SELECT $1, * FROM unnest($2, $3, $4)",
        sha256,
        segments.Select(segment => segment.Offset).ToArray(), segments.Select(segment => segment.Size).ToArray(),
        segments.Select(segment => segment.Key.Value).ToArray()).ExecuteNonQueryAsync(cancellationToken);

    private static async Task<KeptFile> InsertFileAsync(
        NpgsqlConnection connection, NewFile file, byte[] sha256, CancellationToken cancellationToken)
    {
        await using var insert = Command(
            connection,
            """
            WITH before AS (SELECT EXISTS (SELECT FROM media_files WHERE owner = $2 AND sha256 = $3) AS uploaded)
            INSERT INTO media_files (file_id, owner, sha256, file_type, content_type, name, uploaded_at, used_at, size)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
            ON CONFLICT (owner, sha256, file_type) DO UPDATE SET used_at = excluded.used_at
            RETURNING file_id, content_type, (SELECT uploaded FROM before)
            """,
            file.Id.Value, file.Owner.Value, sha256, file.FileType, file.ContentType, SealedParameter(file.Name),
            file.At, file.Size);
        await using var row = await insert.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var id = new FileId(row.GetGuid(0));
        return new KeptFile(id, row.GetString(1), row.GetBoolean(2));
    }

    /// <summary>
    /// Deletes files, then contents that no file refers to any more. The content's row is locked before its files are
    /// counted. An upload of the same bytes locks it too: it comes before, and its file counts, or after, and stores
    /// its own bytes.
    /// </summary>
    /// <param name="deleteFiles">Deletes files and returns the hash of each one's content.</param>
    /// <returns>The number of files.</returns>
    private async Task<int> ForgetAsync(
        string deleteFiles, CancellationToken cancellationToken, params object[] parameters)
    {
        var gone = await InTransactionAsync(
            connection => ForgetAsync(connection, deleteFiles, parameters, cancellationToken), cancellationToken);
        if (gone > 0)
            garbage.Raise();
        return gone;
    }

    private static async Task<int> ForgetAsync(
        NpgsqlConnection connection, string deleteFiles, object[] parameters, CancellationToken cancellationToken)
    {
        var contents = new List<byte[]>();
        await using (var delete = Command(connection, deleteFiles, parameters))
        await using (var row = await delete.ExecuteReaderAsync(cancellationToken))
        {
            while (await row.ReadAsync(cancellationToken))
                contents.Add(row.GetFieldValue<byte[]>(0));
        }

        var touched = contents.DistinctBy(Convert.ToHexString).ToArray();
        await Command(
            connection, "SELECT FROM media_blobs WHERE sha256 = ANY ($1) ORDER BY sha256 FOR UPDATE", (object)touched)
            .ExecuteNonQueryAsync(cancellationToken);
        await Command(
            connection,
            """
            WITH gone AS (
                DELETE FROM media_blobs b
                WHERE sha256 = ANY ($1) AND NOT EXISTS (SELECT FROM media_files f WHERE f.sha256 = b.sha256) RETURNING sha256
            ), segments AS (
                DELETE FROM media_segments s USING gone WHERE s.sha256 = gone.sha256 RETURNING s.key
            )
            INSERT INTO media_garbage (key, due) SELECT key, '-infinity' FROM segments
            """,
            (object)touched).ExecuteNonQueryAsync(cancellationToken);
        return contents.Count;
    }

    /// <param name="where">A condition on the file <c>f</c>; an order and a limit may follow.</param>
    private async Task<List<MediaFile>> FilesAsync(
        string where, CancellationToken cancellationToken, params object[] parameters) =>
        await database.QueryAsync(
            $"""
            SELECT f.file_id, f.owner, f.sha256, b.size, f.file_type, f.content_type, f.name, f.uploaded_at, s.starts, s.sizes, s.keys
            FROM media_files f JOIN media_blobs b ON b.sha256 = f.sha256
            CROSS JOIN LATERAL (
                SELECT array_agg(start ORDER BY start) AS starts, array_agg(size ORDER BY start) AS sizes, array_agg(key ORDER BY start) AS keys
                FROM media_segments WHERE sha256 = f.sha256
            ) s
            WHERE {where}
            """,
            Read, cancellationToken, parameters);

    private static MediaFile Read(NpgsqlDataReader row) => new(
        new FileId(row.GetGuid(0)), new UserId(row.GetGuid(1)), row.GetFieldValue<byte[]>(2), row.GetInt64(3),
        row.GetString(4), row.GetString(5), SealedOf(row, 6), row.GetFieldValue<DateTimeOffset>(7),
        row.IsDBNull(8)
            ? []
            : SegmentsOf(
                row.GetFieldValue<long[]>(8), row.GetFieldValue<long[]>(9), row.GetFieldValue<Guid[]>(10)));

    internal static SealedContent? SealedOf(NpgsqlDataReader row, int ordinal) =>
        row.IsDBNull(ordinal) ? null : new SealedContent(null, row.GetFieldValue<byte[]>(ordinal));

    private static List<FileReference> ReferencesOf(Guid[] conversations, long[] seqs) =>
        [.. conversations.Zip(seqs, (conversation, seq) => new FileReference(new ConversationId(conversation), seq))];

    private static List<Segment> SegmentsOf(long[] starts, long[] sizes, Guid[] keys) =>
        [.. starts.Select((start, index) => new Segment(start, sizes[index], new BlobKey(keys[index])))];
}
