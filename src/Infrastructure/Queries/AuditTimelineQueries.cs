using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IAuditTimeline"/>
internal sealed class AuditTimelineQueries(NpgsqlDataSource database) : IAuditTimeline
{
    /// <summary>The most conversations that a page of a list looks at.</summary>
    private const int ExaminedMax = 10_000;

    private static readonly DateTimeOffset Earliest = DateTimeOffset.UnixEpoch;
    private static readonly DateTimeOffset Latest = new(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Entries after a seq that are looked at for the same time, at once.</summary>
    private const int SameTimeAtOnce = 256;

    /// <summary>Expiries that are read at once; each names up to 500 messages.</summary>
    private const int ExpiriesAtOnce = 16;

    /// <summary>What <see cref="ReadModelRows.StoredEntry"/> reads, without contents, reactions and votes.</summary>
    private const string PlaceColumns =
        """
        t.conversation_id, t.seq, t.kind, t.at, t.actor, t.device, t.message_id, t.type, NULL::text, NULL::bytea, t.reply_to, t.expires_at,
        t.event, t.payload, t.edited_at, t.deleted_at, NULL::jsonb, NULL::jsonb, t.expired_at
        """;

    public async Task<AuditedConversation?> FindAsync(
        ConversationId conversation, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            $"""
            SELECT c.kind, c.started_at, c.updated_at, c.last_seq, e.before, e.hash, r.before, r.hash,
                e.before IS NOT NULL OR r.before IS NOT NULL
                OR EXISTS (SELECT FROM timeline t WHERE t.conversation_id = c.id AND t.expired_at IS NOT NULL)
            FROM conversations c
            LEFT JOIN {LogStarts.Table} e ON e.conversation_id = c.id AND NOT e.of_receipts
            LEFT JOIN {LogStarts.Table} r ON r.conversation_id = c.id AND r.of_receipts
            WHERE c.id = $1
            """,
            row => new AuditedConversation(
                conversation, row.GetString(0), row.GetFieldValue<DateTimeOffset>(1),
                row.GetFieldValue<DateTimeOffset>(2), row.GetInt64(3), Start(row, 4), Start(row, 6),
                row.GetBoolean(8)),
            cancellationToken, conversation.Value);
        return found.FirstOrDefault();
    }

    public async Task<AuditedConversations> ListAsync(
        UserId? user, DateTimeOffset? from, DateTimeOffset? to, ConversationId? after, int limit,
        CancellationToken cancellationToken)
    {
        var examined = user is null
            ? "SELECT id FROM conversations WHERE id > $1 AND $2::uuid IS NOT NULL ORDER BY id"
            : """
            SELECT m.conversation_id AS id FROM members() m
            WHERE m.user_id = $2 AND m.conversation_id > $1 ORDER BY m.conversation_id
            """;
        var found = await database.QueryAsync(
            $"""
            SELECT c.id, c.kind, c.started_at, c.updated_at, c.last_seq,
                ARRAY(SELECT m.user_id FROM members() m WHERE m.conversation_id = c.id ORDER BY m.joined_seq, m.user_id)
            FROM ({examined} LIMIT {ExaminedMax}) e JOIN conversations c ON c.id = e.id
            WHERE c.updated_at >= $3 AND c.started_at <= $4
            ORDER BY c.id LIMIT $5
            """,
            row => new ListedConversation(
                new(row.GetGuid(0)), row.GetString(1), row.GetFieldValue<DateTimeOffset>(2),
                row.GetFieldValue<DateTimeOffset>(3), row.GetInt64(4),
                [.. row.GetFieldValue<Guid[]>(5).Select(id => new UserId(id))]),
            cancellationToken, after?.Value ?? Guid.Empty, user?.Value ?? Guid.Empty, from ?? Earliest,
            to ?? Latest, limit + 1);
        if (found.Count > limit)
            return new AuditedConversations([.. found.Take(limit)], found[limit - 1].Id);
        var last = await database.QueryAsync(
            $"SELECT id FROM ({examined} OFFSET {ExaminedMax - 1} LIMIT 1) e",
            row => new ConversationId(row.GetGuid(0)), cancellationToken, after?.Value ?? Guid.Empty,
            user?.Value ?? Guid.Empty);
        return new AuditedConversations(found, last.Count == 0 ? null : last[0]);
    }

    public async Task<long> LastSeqAtAsync(
        ConversationId conversation, DateTimeOffset time, long lastSeq, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            """
            WITH RECURSIVE search(low, high) AS (
                -- Entries up to low are at or before the time, those from high on are later.
                SELECT -1::bigint, $3::bigint + 1
                UNION ALL
                SELECT CASE WHEN e.at <= $2 THEN s.middle ELSE s.low END, CASE WHEN e.at <= $2 THEN s.high ELSE s.middle END
                FROM (SELECT low, high, low + (high - low) / 2 AS middle FROM search WHERE high - low > 1) s
                LEFT JOIN LATERAL (
                    SELECT t.at FROM timeline t WHERE t.conversation_id = $1 AND t.seq = s.middle
                    UNION ALL
                    SELECT g.sent_at FROM gone_messages g WHERE g.conversation_id = $1 AND g.seq = s.middle
                ) e ON true
            )
            SELECT max(low) FROM search
            """,
            row => row.GetInt64(0), cancellationToken, conversation.Value, time, lastSeq);
        return found[0];
    }

    public async Task<TimelineEntry?> EntryAsync(
        ConversationId conversation, long seq, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            $"""
            SELECT {PlaceColumns} FROM timeline t WHERE t.conversation_id = $1 AND t.seq = $2
            UNION ALL
            {ReadModelRows.GonePlaces} WHERE g.conversation_id = $1 AND g.seq = $2
            """,
            ReadModelRows.StoredEntry, cancellationToken, conversation.Value, seq);
        return found.FirstOrDefault();
    }

    public async Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, long from, long to, bool newestFirst, int limit,
        CancellationToken cancellationToken)
    {
        var order = newestFirst ? "DESC" : "ASC";
        return await database.QueryAsync(
            $"""
            SELECT * FROM (
                (SELECT {PlaceColumns} FROM timeline t
                 WHERE t.conversation_id = $1 AND t.seq >= $2 AND t.seq <= $3 AND t.message_id IS NOT NULL ORDER BY t.seq {order} LIMIT $4)
                UNION ALL
                ({ReadModelRows.GonePlaces} WHERE g.conversation_id = $1 AND g.seq >= $2 AND g.seq <= $3 ORDER BY g.seq {order} LIMIT $4)
            ) t ORDER BY t.seq {order} LIMIT $4
            """,
            ReadModelRows.StoredEntry, cancellationToken, conversation.Value, from, to, limit);
    }

    public async Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, IReadOnlyCollection<long> seqs, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"""
            SELECT {PlaceColumns} FROM timeline t
            WHERE t.conversation_id = $1 AND t.seq = ANY ($2) AND t.message_id IS NOT NULL
            UNION ALL
            {ReadModelRows.GonePlaces} WHERE g.conversation_id = $1 AND g.seq = ANY ($2)
            """,
            ReadModelRows.StoredEntry, cancellationToken, conversation.Value, seqs.ToArray());

    public async Task<IReadOnlyList<TimelineEntry>> ChangesAsync(
        ConversationId conversation, IReadOnlyCollection<long> targets, long upTo,
        CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT {PlaceColumns} FROM timeline t
        WHERE t.conversation_id = $1 AND t.target_seq = ANY ($2) AND t.seq <= $3 AND t.target_seq IS NOT NULL ORDER BY t.seq
        """,
        ReadModelRows.StoredEntry, cancellationToken, conversation.Value, targets.ToArray(), upTo);

    public async Task<IReadOnlySet<long>> ExpiredAfterAsync(
        ConversationId conversation, long seq, DateTimeOffset time, CancellationToken cancellationToken)
    {
        var expired = new HashSet<long>();
        while (true)
        {
            var entries = await database.QueryAsync(
                $"""
                SELECT {PlaceColumns} FROM timeline t
                WHERE t.conversation_id = $1 AND t.seq > $2 ORDER BY t.seq LIMIT {SameTimeAtOnce}
                """,
                ReadModelRows.StoredEntry, cancellationToken, conversation.Value, seq);
            foreach (var entry in entries.TakeWhile(entry => entry.At == time))
            {
                seq = entry.Seq;
                if (entry.Update is ConversationEvent.MessagesExpired gone)
                    expired.UnionWith(gone.Messages.Select(message => message.Seq));
            }

            if (entries.Count < SameTimeAtOnce || entries[^1].At != time)
                return expired;
        }
    }

    public async Task<IReadOnlyDictionary<long, DateTimeOffset>> ExpiredByAsync(
        ConversationId conversation, IReadOnlyCollection<long> seqs, long upTo, CancellationToken cancellationToken)
    {
        var (wanted, found) = (seqs.ToHashSet(), new Dictionary<long, DateTimeOffset>());
        for (var after = seqs.Count == 0 ? upTo : seqs.Min(); found.Count < wanted.Count;)
        {
            var expiries = await database.QueryAsync(
                $"""
                SELECT {PlaceColumns} FROM timeline t
                WHERE t.conversation_id = $1 AND t.target_seq = {TimelineProjection.Expiries} AND t.seq > $2 AND t.seq <= $3
                ORDER BY t.seq LIMIT {ExpiriesAtOnce}
                """,
                ReadModelRows.StoredEntry, cancellationToken, conversation.Value, after, upTo);
            foreach (var expiry in expiries)
            {
                foreach (var message in ((ConversationEvent.MessagesExpired)expiry.Update!).Messages)
                {
                    if (wanted.Contains(message.Seq))
                        found.TryAdd(message.Seq, expiry.At);
                }
            }

            if (expiries.Count < ExpiriesAtOnce)
                break;
            after = expiries[^1].Seq;
        }

        return found;
    }

    public async Task<IReadOnlyList<FormerOrPresent>> UsersAsync(
        ConversationId conversation, CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT m.user_id, EXISTS (SELECT FROM erased_members e WHERE e.conversation_id = $1 AND e.user_id = m.user_id)
        FROM members() m WHERE m.conversation_id = $1
        """,
        row => new FormerOrPresent(new(row.GetGuid(0)), row.GetBoolean(1)), cancellationToken, conversation.Value);

    public async Task<IReadOnlyDictionary<UserId, KeptMarks>> MarksAsync(
        ConversationId conversation, IReadOnlyCollection<UserId> users, long upToSeq, DateTimeOffset before,
        CancellationToken cancellationToken)
    {
        var marks = await database.QueryAsync(
            """
            SELECT u.id,
                (SELECT r.up_to_seq FROM receipt_marks r
                 WHERE r.conversation_id = $1 AND r.user_id = u.id AND NOT r.is_read AND r.up_to_seq <= $3 AND r.at < $4
                 ORDER BY r.up_to_seq DESC LIMIT 1),
                (SELECT r.up_to_seq FROM receipt_marks r
                 WHERE r.conversation_id = $1 AND r.user_id = u.id AND r.is_read AND r.up_to_seq <= $3 AND r.at < $4
                 ORDER BY r.up_to_seq DESC LIMIT 1)
            FROM unnest($2) AS u(id)
            """,
            row => (User: new UserId(row.GetGuid(0)), Marks: new KeptMarks(Seq(row, 1), Seq(row, 2))),
            cancellationToken, conversation.Value,
            new NpgsqlParameter
            {
                Value = users.Select(user => user.Value).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid,
            },
            upToSeq, before);
        return marks.ToDictionary(mark => mark.User, mark => mark.Marks);
    }

    private static LogStart Start(NpgsqlDataReader row, int offset) => row.IsDBNull(offset)
        ? default
        : new LogStart(row.GetInt64(offset), row.GetFieldValue<byte[]>(offset + 1));

    private static long? Seq(NpgsqlDataReader row, int ordinal) => row.IsDBNull(ordinal) ? null : row.GetInt64(ordinal);
}
