using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="IAuditExports"/>
internal sealed class PostgresAuditExports(NpgsqlDataSource database) : IAuditExports
{
    private const string Columns =
        "id, auditor, device, matter, conversations, since, until, status, done, total, size, requested_at";

    /// <remarks>The lock is a statement of its own: the count must see what others committed meanwhile.</remarks>
    public Task<bool> AddAsync(AuditExport export, int unfinishedMax, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var batch = database.CreateBatch(); // One transaction.
            batch.BatchCommands.Add(Command(
                "SELECT pg_advisory_xact_lock(hashtext('audit-exports'), hashtext($1::text))", export.Auditor.Value));
            batch.BatchCommands.Add(Command(
                $"""
                INSERT INTO audit_exports ({Columns}, moved_at)
                SELECT $1, $2, $3, $4, $5, $6, $7, 'queued', 0, 0, NULL, $8, $8
                WHERE (SELECT count(*) FROM audit_exports WHERE auditor = $2 AND expires_at IS NULL) < $9
                """,
                export.Id, export.Auditor.Value, export.Device.Value,
                Optional(export.Matter?.Value, NpgsqlDbType.Uuid),
                export.Conversations.Select(conversation => conversation.Value).ToArray(),
                Optional(export.From?.UtcDateTime, NpgsqlDbType.TimestampTz),
                Optional(export.To?.UtcDateTime, NpgsqlDbType.TimestampTz), export.RequestedAt.UtcDateTime,
                unfinishedMax));
            return await batch.ExecuteNonQueryAsync(cancellationToken) == 1;
        });

    public async Task<AuditExport?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT {Columns} FROM audit_exports WHERE id = $1", Read, cancellationToken, id)).SingleOrDefault();

    public async Task<int?> BeginAsync(Guid id, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            """
            UPDATE audit_exports SET status = 'running', runs = runs + 1 WHERE id = $1 AND expires_at IS NULL
            RETURNING runs
            """,
            row => (int?)row.GetInt32(0), cancellationToken, id)).SingleOrDefault();

    public Task ProgressAsync(
        Guid id, long done, long total, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "UPDATE audit_exports SET done = $2, total = $3, moved_at = $4 WHERE id = $1", cancellationToken, id, done,
            total, now.UtcDateTime);

    public Task ReserveAsync(Guid id, IReadOnlyList<ExportFile> files, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            """
            INSERT INTO audit_export_files (export, key, name, size, sha256, events)
            SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[])
            """,
            cancellationToken, id, Keys(files), files.Select(file => file.Name).ToArray(),
            files.Select(file => file.Size).ToArray(), files.Select(file => file.Sha256.ToArray()).ToArray(),
            files.Select(file => file.Events).ToArray());

    public Task KeepAsync(Guid id, IReadOnlyList<ExportFile> files, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "UPDATE audit_export_files SET kept = true WHERE export = $1 AND key = ANY ($2)", cancellationToken, id,
            Keys(files));

    public async Task<IReadOnlyList<ExportFile>> FilesAsync(Guid id, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            SELECT name, key, size, sha256, events, kept FROM audit_export_files WHERE export = $1
            ORDER BY name COLLATE "C"
            """,
            row => new ExportFile(
                row.GetString(0), new BlobKey(row.GetGuid(1)), row.GetInt64(2), row.GetFieldValue<byte[]>(3),
                row.GetInt64(4), row.GetBoolean(5)),
            cancellationToken, id);

    public Task ForgetAsync(Guid id, IReadOnlyList<ExportFile> files, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            "DELETE FROM audit_export_files WHERE export = $1 AND key = ANY ($2)", cancellationToken, id, Keys(files));

    public Task EndAsync(
        Guid id, ExportStatus status, long? size, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            """
            UPDATE audit_exports SET status = $2, size = $3, expires_at = $4,
                done = CASE WHEN $2 = 'done' THEN total ELSE done END WHERE id = $1
            """,
            cancellationToken, id, NameOf(status), Optional(size, NpgsqlDbType.Bigint), expiresAt.UtcDateTime);

    public async Task<IReadOnlyList<Guid>> StalledAsync(
        DateTimeOffset since, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT id FROM audit_exports WHERE expires_at IS NULL AND moved_at < $1 ORDER BY id LIMIT $2",
        row => row.GetGuid(0), cancellationToken, since.UtcDateTime, limit);

    public async Task<IReadOnlyList<Guid>> ExpiredAsync(
        DateTimeOffset now, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT id FROM audit_exports WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2", row => row.GetGuid(0),
        cancellationToken, now.UtcDateTime, limit);

    public Task DeleteAsync(Guid id, CancellationToken cancellationToken) =>
        database.ExecuteAsync("DELETE FROM audit_exports WHERE id = $1", cancellationToken, id);

    private static NpgsqlBatchCommand Command(string sql, params object[] parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
        return command;
    }

    private static Guid[] Keys(IEnumerable<ExportFile> files) => [.. files.Select(file => file.Key.Value)];

    private static NpgsqlParameter Optional(object? value, NpgsqlDbType type) =>
        new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    private static AuditExport Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), new UserId(row.GetGuid(1)), new DeviceId(row.GetGuid(2)),
        row.IsDBNull(3) ? null : new MatterId(row.GetGuid(3)),
        [.. row.GetFieldValue<Guid[]>(4).Select(id => new ConversationId(id))], TimeOf(row, 5), TimeOf(row, 6),
        Enum.Parse<ExportStatus>(row.GetString(7), ignoreCase: true), row.GetInt64(8), row.GetInt64(9),
        row.IsDBNull(10) ? null : row.GetInt64(10), row.GetFieldValue<DateTimeOffset>(11));

    private static DateTimeOffset? TimeOf(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);

    private static string NameOf(ExportStatus status) => status.ToString().ToLowerInvariant();
}
