using System.Buffers.Binary;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Accounts;

/// <inheritdoc cref="IDeviceLinks"/>
/// <remarks>
/// Settling a link notifies all nodes (NOTIFY) in its own transaction; <see cref="AccountListener"/> receives it.
/// </remarks>
internal sealed class PostgresDeviceLinks(NpgsqlDataSource database, TimeProvider clock) : IDeviceLinks
{
    /// <summary>The notification channel for settled links; the payload is the link's id.</summary>
    public const string Channel = PostgresRegistration.Schema + "_links";

    /// <summary>Additions take this lock one after the other, so that their count is exact.</summary>
    private const long AddLock = 0x6c696e6b73; // "links"

    private const string TellSql =
        $"SELECT pg_notify('{Channel}', id::text) FROM device_links WHERE id = $1 AND settled_at IS NOT NULL";

    public Task<bool> AddAsync(NewDeviceLink link, int openMax, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var batch = database.CreateBatch();
            var turn = new NpgsqlBatchCommand("SELECT pg_advisory_xact_lock($1)");
            Add(turn, AddLock);
            batch.BatchCommands.Add(turn);
            var insert = new NpgsqlBatchCommand(
                """
                INSERT INTO device_links (
                    id, device_id, secret_hash, content, bucket, address, created_at, expires_at)
                SELECT $1, $2, $3, $4, $5, $6, $7, $8
                WHERE (SELECT count(*) FROM device_links WHERE expires_at > $7 AND settled_at IS NULL) < $9
                """);
            Add(
                insert, link.Id, link.Device.Value, link.SecretHash, link.Content.Bytes, Text(link.Content.Bucket),
                PostgresRegistrations.Bytes(link.Address.Value), link.CreatedAt, link.ExpiresAt, (long)openMax);
            batch.BatchCommands.Add(insert);
            await batch.ExecuteNonQueryAsync(cancellationToken);
            return insert.RecordsAffected > 0;
        });

    public async Task<DeviceLink?> FindAsync(Guid link, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            """
            SELECT l.id, l.secret_hash, l.content, l.bucket, l.created_at, l.expires_at, l.user_id IS NOT NULL,
                l.settled_at IS NOT NULL, l.refused, l.proof, l.payload,
                CASE WHEN s.used_generation < s.generation AND s.revoked_at IS NULL THEN l.answer END, l.answer_bucket
            FROM device_links l
            LEFT JOIN device_sessions s ON s.device_id = l.device_id AND s.refresh_hash = l.refresh_hash
            WHERE l.id = $1
            """,
            Read, cancellationToken, link);
        return found.FirstOrDefault();
    }

    public async Task<ClaimedDeviceLink?> ClaimAsync(
        Guid link, LinkApproval approval, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var claimed = await database.QueryAsync(
            """
            UPDATE device_links l SET user_id = $2, by_device = $3, proof = $4, payload = $5
            WHERE l.id = $1 AND l.settled_at IS NULL AND l.expires_at > $6
              AND (l.user_id IS NULL
                OR (l.user_id = $2 AND l.by_device = $3 AND l.proof = $4 AND l.payload IS NOT DISTINCT FROM $5))
              AND EXISTS (
                SELECT FROM device_sessions s WHERE s.device_id = $3 AND s.user_id = $2 AND s.revoked_at IS NULL)
            RETURNING l.device_id, l.content, l.bucket, l.expires_at,
                (SELECT p.phone FROM phones p WHERE p.user_id = $2)
            """,
            row => new ClaimedDeviceLink(
                new DeviceId(row.GetGuid(0)), ContentOf(row, 1)!, row.GetFieldValue<DateTimeOffset>(3),
                PhoneOf(row, 4)),
            cancellationToken, link, approval.User.Value, approval.By.Value, approval.Proof.ToArray(),
            Bytes(approval.Payload), now);
        return claimed.FirstOrDefault();
    }

    public Task<bool> CompleteAsync(
        Guid link, LinkSignIn signIn, SealedContent answer, DateTimeOffset keptUntil,
        CancellationToken cancellationToken) => IdempotentRetry.RunAsync(
        async () => await TryCompleteAsync(link, signIn, answer, keptUntil, cancellationToken)
            || await IsSignedInAsync(signIn, cancellationToken),
        clock, cancellationToken);

    public Task<bool> RefuseAsync(
        Guid link, UserId user, DateTimeOffset now, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var batch = database.CreateBatch();
            var refuse = new NpgsqlBatchCommand(
                """
                UPDATE device_links SET settled_at = $3, refused = true, user_id = $2
                WHERE id = $1 AND user_id IS NULL AND settled_at IS NULL AND expires_at > $3
                """);
            Add(refuse, link, user.Value, now);
            batch.BatchCommands.Add(refuse);
            batch.BatchCommands.Add(Tell(link));
            await batch.ExecuteNonQueryAsync(cancellationToken);
            return refuse.RecordsAffected > 0;
        });

    public async Task<IReadOnlyList<AbandonedLink>> AbandonedAsync(
        DateTimeOffset before, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT user_id, by_device, device_id FROM device_links
        WHERE expires_at < $1 AND settled_at IS NULL AND by_device IS NOT NULL ORDER BY expires_at LIMIT $2
        """,
        row => new AbandonedLink(new(row.GetGuid(0)), new(row.GetGuid(1)), new(row.GetGuid(2))),
        cancellationToken, before, limit);

    public Task<int> DeleteEndedAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken) =>
        database.ExecuteAsync(
            """
            DELETE FROM device_links WHERE id IN (
                SELECT id FROM device_links WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            """,
            cancellationToken, before, limit);

    private async Task<bool> TryCompleteAsync(
        Guid link, LinkSignIn signIn, SealedContent answer, DateTimeOffset keptUntil,
        CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        var complete = new NpgsqlBatchCommand(
            """
            WITH phone AS (
                SELECT FROM phones WHERE user_id = $4 FOR UPDATE
            ), settled AS (
                UPDATE device_links l SET settled_at = $2, refresh_hash = $5, answer = $7, answer_bucket = $8,
                    expires_at = greatest(l.expires_at, $9)
                FROM phone WHERE l.id = $1 AND l.settled_at IS NULL AND l.user_id = $4
                  AND EXISTS (SELECT FROM device_sessions s WHERE s.device_id = l.by_device AND s.revoked_at IS NULL)
                RETURNING l.address
            )
            INSERT INTO device_sessions (
                device_id, user_id, refresh_hash, refresh_expires_at, created_at, last_seen, address)
            SELECT $3, $4, $5, $6, $2, $2, settled.address FROM settled
            """);
        Add(
            complete, link, signIn.Now, signIn.Device.Value, signIn.User.Value, signIn.RefreshToken,
            signIn.RefreshExpiresAt, answer.Bytes, Text(answer.Bucket), keptUntil);
        batch.BatchCommands.Add(complete);
        batch.BatchCommands.Add(Tell(link));
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return complete.RecordsAffected > 0;
    }

    /// <summary>Whether the same sign-in succeeded before, but its answer was lost.</summary>
    private async Task<bool> IsSignedInAsync(LinkSignIn signIn, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            "SELECT true FROM device_sessions WHERE device_id = $1 AND refresh_hash = $2 AND revoked_at IS NULL",
            row => row.GetBoolean(0), cancellationToken, signIn.Device.Value, signIn.RefreshToken.ToArray());
        return found.Count > 0;
    }

    private static NpgsqlBatchCommand Tell(Guid link)
    {
        var tell = new NpgsqlBatchCommand(TellSql);
        Add(tell, link);
        return tell;
    }

    private static DeviceLink Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetFieldValue<byte[]>(1), ContentOf(row, 2)!, row.GetFieldValue<DateTimeOffset>(4),
        row.GetFieldValue<DateTimeOffset>(5), row.GetBoolean(6),
        !row.GetBoolean(7) ? LinkOutcome.None : row.GetBoolean(8) ? LinkOutcome.Refused : LinkOutcome.Approved,
        BytesOf(row, 9), BytesOf(row, 10), ContentOf(row, 11));

    /// <summary>Sealed content and its bucket, in two columns.</summary>
    private static SealedContent? ContentOf(NpgsqlDataReader row, int column) => row.IsDBNull(column)
        ? null
        : new SealedContent(
            row.IsDBNull(column + 1) ? null : row.GetString(column + 1), row.GetFieldValue<byte[]>(column));

    private static ReadOnlyMemory<byte>? BytesOf(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? default(ReadOnlyMemory<byte>?) : row.GetFieldValue<byte[]>(column).AsMemory();

    private static PhoneKey PhoneOf(NpgsqlDataReader row, int column) => row.IsDBNull(column)
        ? default
        : new PhoneKey(BinaryPrimitives.ReadUInt128BigEndian(row.GetFieldValue<byte[]>(column)));

    private static NpgsqlParameter Text(string? text) =>
        new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Bytes(ReadOnlyMemory<byte>? bytes) =>
        new() { Value = bytes is { } some ? some.ToArray() : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea };

    private static void Add(NpgsqlBatchCommand command, params ReadOnlySpan<object> values)
    {
        foreach (var value in values)
            command.Parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
    }
}
