using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using Npgsql;

namespace ChatCqrs.Infrastructure.Retention;

/// <inheritdoc cref="IExpiry"/>
internal sealed class PostgresExpiry(NpgsqlDataSource database) : IExpiry
{
    public async Task<IReadOnlyList<DueMessages>> DueAsync(
        DateTimeOffset now, IReadOnlyCollection<ConversationId> except, int limit,
        CancellationToken cancellationToken) => Grouped(await database.QueryAsync(
        """
        SELECT t.conversation_id, t.seq, t.message_id, c.last_seq
        FROM (
            SELECT * FROM timeline WHERE kept_until <= $1 AND conversation_id <> ALL ($3) ORDER BY kept_until LIMIT $2
        ) t
        JOIN conversations c ON c.id = t.conversation_id
        """,
        Row, cancellationToken, now.UtcDateTime, limit, except.Select(conversation => conversation.Value).ToArray()));

    public async Task<IReadOnlyList<ConversationId>> ShortenedAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT conversation_id FROM {RetentionRuleSql.Table} WHERE conversation_id > $1 ORDER BY conversation_id LIMIT $2
        """,
        row => new ConversationId(row.GetGuid(0)), cancellationToken, after?.Value ?? Guid.Empty, limit);

    public Task<bool> ShortenAsync(ConversationId conversation, int limit, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await RetentionRuleRows.LockAsync(connection, [conversation.Value], cancellationToken);
            var rules = await RetentionRuleRows.LoadAsync(connection, conversation.Value, cancellationToken);
            if (rules.IsEmpty)
                return false;
            await using var command = new NpgsqlCommand(ShortenSql, connection);
            command.Parameters.Add(new() { Value = conversation.Value });
            command.Parameters.Add(new() { Value = rules.Min(rule => rule.FromSeq) });
            command.Parameters.Add(new() { Value = rules.Max(rule => rule.BeforeSeq) });
            command.Parameters.Add(new() { Value = limit });
            var settled = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
            var left = RetentionRules.Settled(rules, before: settled);
            await RetentionRuleRows.SaveAsync(connection, conversation.Value, left, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return !left.IsEmpty;
        });

    /// <summary>
    /// Writes what the rules say into the next <c>$4</c> kept messages of the conversation <c>$1</c>, from the seq
    /// <c>$2</c> on and before <c>$3</c>. Returns the seq before which all messages say their time themselves.
    /// </summary>
    private const string ShortenSql =
        $"""
        WITH next AS MATERIALIZED (
            SELECT t.seq, {RetentionRuleSql.ShownUntil} AS shown_until FROM timeline t
            WHERE t.conversation_id = $1 AND t.kept_until IS NOT NULL AND t.seq >= $2 AND t.seq < $3 ORDER BY t.seq LIMIT $4
        ), shortened AS (
            UPDATE timeline t SET expires_at = n.shown_until, kept_until = n.shown_until FROM next n
            WHERE t.conversation_id = $1 AND t.seq = n.seq AND t.kept_until > n.shown_until
        )
        SELECT CASE WHEN count(*) = $4 THEN max(n.seq) + 1 ELSE $3 END FROM next n
        """;

    public async Task<DeliveredMessages> DeliveredAsync(
        ConversationId? after, IReadOnlyCollection<ConversationId> except, int conversations, int limit,
        CancellationToken cancellationToken)
    {
        var examined = await ConversationsAsync(after, conversations, cancellationToken);
        if (examined.Length == 0)
            return new DeliveredMessages([], null, IsCut: false);
        var wanted = examined.Except(except.Select(conversation => conversation.Value)).ToArray();
        var rows = await database.QueryAsync(DeliveredSql, Row, cancellationToken, wanted, limit);
        return new DeliveredMessages(
            Grouped(rows), examined.Length < conversations ? null : new ConversationId(examined[^1]),
            IsCut: rows.Count == limit);
    }

    public async Task<IReadOnlyList<ReceiptTrim>> ReceiptTrimsAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT conversation_id, position FROM receipt_trims WHERE conversation_id > $1 ORDER BY conversation_id LIMIT $2",
        row => new ReceiptTrim(new(row.GetGuid(0)), new LogPosition((ulong)row.GetDecimal(1))), cancellationToken,
        after?.Value ?? Guid.Empty, limit);

    public async Task<bool> TrimReceiptsAsync(ReceiptTrim trim, int limit, CancellationToken cancellationToken)
    {
        var deleted = await database.ExecuteAsync(
            TrimReceiptsSql, cancellationToken, trim.Conversation.Value, (long)limit);
        if (deleted >= limit)
            return true;
        await database.ExecuteAsync(
            "DELETE FROM receipt_trims WHERE conversation_id = $1 AND position = $2", // Unless it was noted again.
            cancellationToken, trim.Conversation.Value, (decimal)trim.Position.Value);
        return false;
    }

    /// <summary>
    /// Deletes up to <c>$2</c> marks of the conversation <c>$1</c>: two ranges of an index for each member, former ones
    /// included.
    /// </summary>
    private const string TrimReceiptsSql =
        """
        DELETE FROM receipt_marks r USING (
            SELECT m.user_id, kind.is_read, old.up_to_seq
            FROM (
                SELECT coalesce((
                    SELECT t.seq FROM timeline t WHERE t.conversation_id = $1 AND t.kept_until IS NOT NULL ORDER BY t.seq LIMIT 1),
                    c.last_seq + 1) AS seq
                FROM conversations c WHERE c.id = $1
            ) kept
            CROSS JOIN members() m
            LEFT JOIN watermarks w ON w.conversation_id = $1 AND w.user_id = m.user_id
            CROSS JOIN (VALUES (false), (true)) AS kind(is_read)
            CROSS JOIN LATERAL (
                SELECT o.up_to_seq FROM receipt_marks o
                WHERE o.conversation_id = $1 AND o.user_id = m.user_id AND o.is_read = kind.is_read
                  AND o.up_to_seq < CASE WHEN w.user_id IS NULL THEN 9223372036854775807 ELSE kept.seq END
                ORDER BY o.up_to_seq LIMIT $2
            ) old
            WHERE m.conversation_id = $1 LIMIT $2
        ) o
        WHERE r.conversation_id = $1 AND r.user_id = o.user_id AND r.is_read = o.is_read AND r.up_to_seq = o.up_to_seq
        """;

    public async Task<IReadOnlyList<ConversationId>> TruncatedAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT conversation_id FROM {LogStarts.Table}
        WHERE {LogStarts.IsUnmoved} AND conversation_id > $1 ORDER BY conversation_id LIMIT $2
        """,
        row => new ConversationId(row.GetGuid(0)), cancellationToken, after?.Value ?? Guid.Empty, limit);

    public Task<bool> MoveGoneAsync(ConversationId conversation, int limit, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var more = await GoneMessages.MoveAsync(connection, conversation, limit, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return more;
        });

    public Task<ILogTrims?> TrimsAsync(CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<ILogTrims?>(async () =>
        {
            var session = await database.OpenConnectionAsync(cancellationToken);
            if (await LogStarts.TryShareAsync(session, cancellationToken))
                return new Trims(database, session);
            await session.DisposeAsync();
            return null;
        });

    /// <summary>
    /// Messages of the conversations <c>$1</c> that every recipient's devices hold; <c>$2</c> is the limit. A recipient
    /// is a member who sees the message, once for each of their devices. Ephemeral devices are left out: a member who
    /// has no other one is a recipient without a device, who never holds anything. The device that sent the message
    /// need not report it.
    /// </summary>
    private const string DeliveredSql =
        """
        WITH recipients AS (
            SELECT m.conversation_id, m.user_id, m.joined_seq, coalesce(w.read_seq, -1) AS read_seq,
                d.device, coalesce((w.devices ->> d.device)::bigint, -1) AS delivered_seq
            FROM members() m
            LEFT JOIN watermarks w ON w.conversation_id = m.conversation_id AND w.user_id = m.user_id
            LEFT JOIN mt_doc_users u ON u.id = m.user_id::text
            LEFT JOIN LATERAL jsonb_array_elements_text(u.data -> 'devices') AS d(device)
                ON NOT coalesce(u.data -> 'ephemeral', '[]') ? d.device
            WHERE m.conversation_id = ANY ($1) AND m.left_seq IS NULL
        )
        SELECT t.conversation_id, t.seq, t.message_id, c.last_seq
        FROM timeline t JOIN conversations c ON c.id = t.conversation_id
        WHERE t.conversation_id = ANY ($1) AND t.kept_until IS NOT NULL AND t.deleted_at IS NULL
          AND EXISTS (SELECT FROM recipients r WHERE r.conversation_id = t.conversation_id AND r.user_id <> t.actor AND r.joined_seq <= t.seq)
          AND NOT EXISTS (
            SELECT FROM recipients r
            WHERE r.conversation_id = t.conversation_id AND r.joined_seq <= t.seq AND r.device IS DISTINCT FROM t.device::text
              AND (r.delivered_seq < t.seq OR (r.user_id <> t.actor AND r.read_seq < t.seq AND EXISTS (
                SELECT FROM media_references f WHERE f.conversation_id = t.conversation_id AND f.seq = t.seq))))
        LIMIT $2
        """;

    /// <summary>
    /// The next conversations with kept messages: one look into the index for each, whatever they hold.
    /// </summary>
    private async Task<Guid[]> ConversationsAsync(
        ConversationId? after, int limit, CancellationToken cancellationToken)
    {
        var conversations = await database.QueryAsync(
            """
            WITH RECURSIVE kept AS (
                (SELECT conversation_id, 1 AS n FROM timeline WHERE kept_until IS NOT NULL AND conversation_id > $1 ORDER BY conversation_id LIMIT 1)
                UNION ALL
                SELECT next.conversation_id, kept.n + 1 FROM kept CROSS JOIN LATERAL (
                    SELECT conversation_id FROM timeline
                    WHERE kept_until IS NOT NULL AND conversation_id > kept.conversation_id ORDER BY conversation_id LIMIT 1
                ) next WHERE kept.n < $2
            )
            SELECT conversation_id FROM kept
            """,
            row => row.GetGuid(0), cancellationToken, after?.Value ?? Guid.Empty, limit);
        return [.. conversations];
    }

    private static (ConversationId Conversation, ExpiredMessage Message, long AsOf) Row(NpgsqlDataReader row) =>
        (new(row.GetGuid(0)), new ExpiredMessage(new(row.GetGuid(2)), row.GetInt64(1)), row.GetInt64(3));

    private static IReadOnlyList<DueMessages> Grouped(
        List<(ConversationId Conversation, ExpiredMessage Message, long AsOf)> rows) =>
    [
        .. rows.GroupBy(row => row.Conversation).Select(group =>
            new DueMessages(group.Key, [.. group.Select(row => row.Message)], group.Min(row => row.AsOf))),
    ];

    /// <param name="session">Holds rebuilds off until the trims are disposed (<see cref="LogStarts"/>).</param>
    private sealed class Trims(NpgsqlDataSource database, NpgsqlConnection session) : ILogTrims
    {
        /// <summary>Without conversations that are set aside: a view that ends early does not know what is kept.</summary>
        public async Task<IReadOnlyList<LogTrim>> NextAsync(
            ConversationId? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
            """
            SELECT l.conversation_id, l.expiry_seq, coalesce((
                SELECT t.seq FROM timeline t WHERE t.conversation_id = l.conversation_id AND t.kept_until IS NOT NULL ORDER BY t.seq LIMIT 1),
                c.last_seq + 1)
            FROM log_trims l JOIN conversations c ON c.id = l.conversation_id
            WHERE l.conversation_id > $1
              AND NOT EXISTS (SELECT FROM set_aside a WHERE a.conversation_id = l.conversation_id)
            ORDER BY l.conversation_id LIMIT $2
            """,
            row => new LogTrim(new(row.GetGuid(0)), row.GetInt64(1), row.GetInt64(2)),
            cancellationToken, after?.Value ?? Guid.Empty, limit);

        public Task NoteStartAsync(
            string stream, ConversationId conversation, long before, ReadOnlyMemory<byte> hash,
            CancellationToken cancellationToken) => database.ExecuteAsync(
            $"""
            INSERT INTO {LogStarts.Table} AS s (stream, conversation_id, of_receipts, before, hash) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (stream) DO UPDATE SET before = excluded.before, hash = excluded.hash WHERE s.before < excluded.before
            RETURNING {DurableCommit.Sql}
            """,
            cancellationToken, stream, conversation.Value,
            stream.StartsWith(StreamName.ReceiptsPrefix, StringComparison.Ordinal), before, hash.ToArray());

        public Task DoneAsync(LogTrim trim, CancellationToken cancellationToken) => database.ExecuteAsync(
            "DELETE FROM log_trims WHERE conversation_id = $1 AND expiry_seq = $2",
            cancellationToken, trim.Conversation.Value, trim.ExpirySeq);

        public async ValueTask DisposeAsync()
        {
            await LogStarts.UnshareAsync(session);
            await session.DisposeAsync();
        }
    }
}
