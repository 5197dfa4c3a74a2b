using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Inbox;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IInbox"/>
/// <remarks>Marten names the columns that it duplicates from <c>user_id</c> and <c>conversation_id</c> with two underscores.</remarks>
internal sealed class InboxQueries(NpgsqlDataSource database) : IInbox
{
    /// <summary>How many messages that have expired behind what is kept are counted one by one.</summary>
    private const int GoneMax = 200;

    /// <summary>
    /// The page is cut first, also where its last messages are large enough. What is unread is not counted message by message: it is the difference of the numbers at both ends of what lies after the read
    /// watermark, less the same difference for the user's own messages, less the few that were deleted. What has expired before the first message that is kept is
    /// passed over at once. What has expired behind it is counted, and where that is much, which is where a timer outruns what was sent without one, what is kept is
    /// counted instead. What is due but not swept is counted only while there is such a thing at all.
    /// </summary>
    /// <param name="order">The place of a conversation <c>c</c> in the order.</param>
    /// <param name="bytesMax">The parameter of how many bytes the last messages before one have together at most.</param>
    private static string Sql(string where, string order = "c.updated_at", string limit = "", string bytesMax = "1") =>
        $"""
        SELECT p.id, p.kind, p.last_seq, p.last_message_seq, p.started_at, p.updated_at, p.delivered_seq, p.read_seq,
            CASE WHEN (SELECT count(*) FROM (
                SELECT FROM timeline n WHERE n.conversation_id = p.id AND n.expired_at IS NOT NULL AND n.seq > p.seen_seq LIMIT {GoneMax}) g) = {GoneMax}
            THEN (SELECT count(*) FROM timeline n
                WHERE n.conversation_id = p.id AND n.kept_until > now() AND n.deleted_at IS NULL AND n.seq > p.seen_seq AND n.actor <> $1)
            ELSE coalesce(newest.message_no - (
                SELECT n.message_no - (n.message_id IS NOT NULL)::int FROM timeline n
                WHERE n.conversation_id = p.id AND n.seq > p.seen_seq ORDER BY n.seq LIMIT 1), 0)
            - coalesce((
                SELECT n.author_no FROM timeline n
                WHERE n.conversation_id = p.id AND n.actor = $1 AND n.message_id IS NOT NULL AND n.seq > p.seen_seq ORDER BY n.seq DESC LIMIT 1) - (
                SELECT n.author_no - 1 FROM timeline n
                WHERE n.conversation_id = p.id AND n.actor = $1 AND n.message_id IS NOT NULL AND n.seq > p.seen_seq ORDER BY n.seq LIMIT 1), 0)
            - (SELECT count(*) FROM timeline n
                WHERE n.conversation_id = p.id AND n.deleted_at IS NOT NULL AND n.expired_at IS NULL AND n.seq > p.seen_seq AND n.actor <> $1)
            - (SELECT count(*) FROM timeline n
                WHERE n.conversation_id = p.id AND n.expired_at IS NOT NULL AND n.seq > p.seen_seq AND n.actor <> $1)
            - CASE WHEN EXISTS (SELECT FROM timeline n WHERE n.kept_until <= now()) THEN (
                SELECT count(*) FROM timeline n
                WHERE n.conversation_id = p.id AND n.kept_until <= now() AND n.deleted_at IS NULL AND n.seq > p.seen_seq AND n.actor <> $1) ELSE 0 END
            END AS unread,
            coalesce(s.pinned, false), coalesce(s.archived, false), s.muted_until, p.place, p.title, p.title_by, p.found, {ReadModelRows.EntryColumns}
        FROM (
            SELECT c.*, coalesce(w.delivered_seq, -1) AS delivered_seq, coalesce(w.read_seq, -1) AS read_seq,
                greatest(coalesce(w.read_seq, -1), c.joined_seq - 1, coalesce((
                    SELECT n.seq - 1 FROM timeline n WHERE n.conversation_id = c.id AND n.kept_until IS NOT NULL ORDER BY n.seq LIMIT 1), c.last_seq)) AS seen_seq
            FROM (
                SELECT c.*, l.seq AS shown_seq, count(*) OVER () AS found, coalesce(sum(l.bytes) OVER (
                    ORDER BY c.place DESC, c.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
                FROM (
                    SELECT c.*, (m.data ->> 'joined_seq')::bigint AS joined_seq, o.place
                    FROM mt_doc_members m JOIN conversations c ON c.id = m.conversation__id CROSS JOIN LATERAL (SELECT {order} AS place) o
                    WHERE m.user__id = $1 AND {ReadModelRows.IsMember} AND {where}
                    {limit}
                ) c
                LEFT JOIN LATERAL (
                    SELECT t.seq, {ReadModelRows.StoredBytes} AS bytes FROM timeline t
                    WHERE t.conversation_id = c.id AND t.seq >= c.joined_seq AND {ReadModelRows.IsKept} ORDER BY t.seq DESC LIMIT 1
                ) l ON true
            ) c
            LEFT JOIN watermarks w ON w.conversation_id = c.id AND w.user_id = $1
            WHERE c.bytes_before < {bytesMax}
        ) p
        LEFT JOIN conversation_settings s ON s.conversation_id = p.id AND s.user_id = $1
        LEFT JOIN LATERAL (
            SELECT n.message_no FROM timeline n WHERE n.conversation_id = p.id ORDER BY n.seq DESC LIMIT 1
        ) newest ON true
        LEFT JOIN timeline t ON t.conversation_id = p.id AND t.seq = p.shown_seq
        ORDER BY p.place DESC, p.id DESC
        """;

    /// <summary>How many of a conversation's last entries are looked through for where it stood when the first page was read.</summary>
    private const int MovedEntriesMax = 10_000;

    /// <summary>By the conversations' last activity.</summary>
    private static readonly string FirstPage = Sql("true", limit: "ORDER BY o.place DESC, c.id DESC LIMIT $2", bytesMax: "$3");

    /// <summary>By their last activity up to when the first page was read; what is younger than that was in no page and comes in none.</summary>
    private static readonly string NextPage = Sql(
        "(o.place, c.id) < ($3, $4)",
        $"""
        CASE WHEN c.updated_at <= $5 THEN c.updated_at ELSE (
            SELECT e.at FROM timeline e WHERE e.conversation_id = c.id AND e.seq > c.last_seq - {MovedEntriesMax} AND e.at <= $5 AND e.kind <> 'messages_expired' ORDER BY e.seq DESC LIMIT 1
        ) END
        """,
        "ORDER BY o.place DESC, c.id DESC LIMIT $2", "$6");

    public async Task<InboxPage> PageAsync(UserId user, InboxPlace? before, PageSize size, CancellationToken cancellationToken)
    {
        var (limit, bytesMax) = (size.Entries + 1, (long)size.Bytes); // One more shows whether any follow.
        var found = 0L;
        var items = before is null
            ? await database.QueryAsync(FirstPage, Read, cancellationToken, user.Value, limit, bytesMax)
            : await database.QueryAsync(
                NextPage, Read, cancellationToken, user.Value, limit, before.UpdatedAt.UtcDateTime, before.Conversation.Value, before.AsOf.UtcDateTime, bytesMax);
        var shown = items.Take(size.Entries).ToList();
        var asOf = before?.AsOf ?? shown.FirstOrDefault()?.Place.AsOf;
        return new InboxPage([.. shown.Select(item => item with { Place = item.Place with { AsOf = asOf!.Value } })], found > shown.Count);

        InboxItem Read(NpgsqlDataReader row)
        {
            found = row.GetInt64(15);
            return Item(row);
        }
    }

    public async Task<InboxItem?> OneAsync(UserId user, ConversationId conversation, CancellationToken cancellationToken) =>
        (await database.QueryAsync(Sql("m.conversation__id = $2"), Item, cancellationToken, user.Value, conversation.Value)).FirstOrDefault();

    public async Task<IReadOnlySet<(UserId, UserId)>> SharingAsync(
        IReadOnlyCollection<(UserId One, UserId Other)> pairs, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT w.one, w.other FROM unnest($1, $2) AS w(one, other)
            WHERE EXISTS (
                SELECT FROM mt_doc_members o WHERE o.user__id = w.other AND o.data ->> 'left_seq' IS NULL AND EXISTS (
                    SELECT FROM mt_doc_members m WHERE m.conversation__id = o.conversation__id AND m.user__id = w.one AND {ReadModelRows.IsMember}))
            """,
            row => (new UserId(row.GetGuid(0)), new UserId(row.GetGuid(1))), cancellationToken,
            pairs.Select(pair => pair.One.Value).ToArray(), pairs.Select(pair => pair.Other.Value).ToArray())).ToHashSet();

    public async Task<IReadOnlyList<ChangedItem>> ChangedAsync(
        IReadOnlyCollection<UserId> users, DateTimeOffset since, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT m.user__id, c.id, c.last_seq FROM unnest($1) AS u(id)
        JOIN mt_doc_members m ON m.user__id = u.id AND {ReadModelRows.IsMember}
        JOIN conversations c ON c.id = m.conversation__id
        WHERE c.updated_at > $2 LIMIT $3
        """,
        row => new ChangedItem(new UserId(row.GetGuid(0)), new ConversationId(row.GetGuid(1)), row.GetInt64(2)), cancellationToken,
        users.Select(user => user.Value).ToArray(), since.UtcDateTime, limit);

    public Task<IReadOnlyList<ConversationId>> ConversationsAsync(UserId user, CancellationToken cancellationToken) =>
        IdsAsync(ReadModelRows.IsMember, user, cancellationToken);

    public Task<IReadOnlyList<ConversationId>> FormerAsync(UserId user, CancellationToken cancellationToken) =>
        IdsAsync($"NOT ({ReadModelRows.IsMember})", user, cancellationToken);

    private async Task<IReadOnlyList<ConversationId>> IdsAsync(string where, UserId user, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT m.conversation__id FROM mt_doc_members m WHERE m.user__id = $1 AND {where} ORDER BY m.conversation__id",
        row => new ConversationId(row.GetGuid(0)), cancellationToken, user.Value);

    public async Task<IReadOnlyList<WaitingItem>> WaitingAsync(UserId user, DeviceId device, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"""
            SELECT m.conversation__id, (m.data ->> 'joined_seq')::bigint, coalesce((w.devices ->> $2)::bigint, -1), c.last_seq
            FROM mt_doc_members m
            JOIN conversations c ON c.id = m.conversation__id
            LEFT JOIN watermarks w ON w.conversation_id = m.conversation__id AND w.user_id = m.user__id
            WHERE m.user__id = $1 AND {ReadModelRows.IsMember}
            """,
            row => new WaitingItem(
                new ConversationId(row.GetGuid(0)), row.GetInt64(1), Math.Max(row.GetInt64(1) - 1, row.GetInt64(2)), row.GetInt64(3)),
            cancellationToken, user.Value, device.ToString());

    private static InboxItem Item(NpgsqlDataReader row) => new(
        new ConversationView(
            new(row.GetGuid(0)), row.GetString(1), row.GetInt64(2), row.GetInt64(3),
            row.GetFieldValue<DateTimeOffset>(4), row.GetFieldValue<DateTimeOffset>(5), ReadModelRows.Title(row, 13)),
        row.IsDBNull(16) ? null : ReadModelRows.Entry(row, 16), row.GetInt64(8), row.GetInt64(6), row.GetInt64(7),
        new ConversationSettings(row.GetBoolean(9), row.GetBoolean(10), row.IsDBNull(11) ? null : row.GetFieldValue<DateTimeOffset>(11)),
        new InboxPlace(row.GetFieldValue<DateTimeOffset>(12), new(row.GetGuid(0)), AsOf: row.GetFieldValue<DateTimeOffset>(12)));
}
