using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Inbox;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IInbox"/>
internal sealed class InboxQueries(NpgsqlDataSource database) : IInbox
{
    /// <summary>
    /// Conversations of the user <c>$1</c>. The innermost query cuts the page by the number of conversations, the next
    /// one by the bytes of their last messages; only what is on the page is joined with the rest.
    /// </summary>
    /// <param name="where">
    /// A condition on the member <c>m</c>, the conversation <c>c</c> and its place <c>o.place</c>.
    /// </param>
    /// <param name="order">The place of the conversation <c>c</c>: a time, newest first.</param>
    /// <param name="limit">The clause that cuts the page by number; empty for none.</param>
    /// <param name="bytesMax">
    /// The page ends with the conversation whose last message brings it to so many bytes.
    /// </param>
    private static string Sql(
        string where, string order = "c.updated_at", string limit = "", string bytesMax = "1") =>
        $"""
        SELECT c.id, c.kind, c.last_seq, c.last_message_seq, c.started_at, c.updated_at, coalesce(w.delivered_seq, -1), coalesce(w.read_seq, -1),
            unread.messages, coalesce(s.pinned, false), coalesce(s.archived, false), s.muted_until, c.place, c.title, c.title_by, c.found, present.members,
            other.user_id, {ReadModelRows.EntryColumns}
        FROM (
            SELECT c.*, l.seq AS shown_seq, count(*) OVER () AS found, coalesce(sum(l.bytes) OVER (
                ORDER BY c.place DESC, c.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
            FROM (
                SELECT c.*, m.joined_seq, o.place
                FROM members() m JOIN conversations c ON c.id = m.conversation_id CROSS JOIN LATERAL (SELECT {order} AS place) o
                WHERE m.user_id = $1 AND m.left_seq IS NULL AND {where}
                {limit}
            ) c
            LEFT JOIN LATERAL (
                SELECT t.seq, {ReadModelRows.StoredBytes} AS bytes FROM timeline t
                WHERE t.conversation_id = c.id AND t.seq >= c.joined_seq AND {ReadModelRows.IsKept} ORDER BY t.seq DESC LIMIT 1
            ) l ON true
        ) c
        LEFT JOIN watermarks w ON w.conversation_id = c.id AND w.user_id = $1
        LEFT JOIN conversation_settings s ON s.conversation_id = c.id AND s.user_id = $1
        LEFT JOIN timeline t ON t.conversation_id = c.id AND t.seq = c.shown_seq
        CROSS JOIN LATERAL unread_count(c.id, $1, greatest(coalesce(w.read_seq, -1), c.joined_seq - 1)) unread
        CROSS JOIN LATERAL (SELECT count(*) AS members FROM members() o WHERE o.conversation_id = c.id AND o.left_seq IS NULL) present
        LEFT JOIN LATERAL (
            SELECT o.user_id FROM members() o WHERE c.kind = 'direct' AND o.conversation_id = c.id AND o.user_id <> $1 LIMIT 1
        ) other ON true
        WHERE c.bytes_before < {bytesMax}
        ORDER BY c.place DESC, c.id DESC
        """;

    /// <summary>
    /// How many of a conversation's last entries are searched for its place when the first page was read.
    /// </summary>
    private const int MovedEntriesMax = 10_000;

    private const string PageLimit = "ORDER BY o.place DESC, c.id DESC LIMIT $2";

    /// <summary>Ordered by the last activity. Parameters: user, limit, bytes.</summary>
    private static readonly string FirstPage = Sql("true", limit: PageLimit, bytesMax: "$3");

    /// <summary>
    /// Ordered by the last activity up to the time when the first page was read, <c>$5</c>. Conversations that are
    /// younger are on no page (docs/adr/0047). Parameters: user, limit, place and conversation that the page before
    /// ended with, time of the first page, bytes.
    /// </summary>
    private static readonly string NextPage = Sql(
        "(o.place, c.id) < ($3, $4)",
        $"""
        CASE WHEN c.updated_at <= $5 THEN c.updated_at ELSE (
            SELECT e.at FROM (
                (SELECT t.seq, t.at FROM timeline t
                 WHERE t.conversation_id = c.id AND t.seq > c.last_seq - {MovedEntriesMax} AND t.at <= $5 AND t.kind <> 'messages_expired'
                 ORDER BY t.seq DESC LIMIT 1)
                UNION ALL
                (SELECT g.seq, g.sent_at FROM gone_messages g
                 WHERE g.conversation_id = c.id AND g.seq > c.last_seq - {MovedEntriesMax} AND g.sent_at <= $5
                 ORDER BY g.seq DESC LIMIT 1)
            ) e ORDER BY e.seq DESC LIMIT 1
        ) END
        """,
        PageLimit, "$6");

    /// <summary>Conversations of the user <c>$1</c>, with what the device <c>$2</c> has confirmed.</summary>
    private const string WaitingSql =
        """
        SELECT m.conversation_id, m.joined_seq, d.seq, c.last_seq
        FROM members() m
        JOIN conversations c ON c.id = m.conversation_id
        LEFT JOIN watermarks w ON w.conversation_id = m.conversation_id AND w.user_id = m.user_id
        CROSS JOIN LATERAL (SELECT greatest(m.joined_seq - 1, coalesce((w.devices ->> $2)::bigint, -1)) AS seq) d
        WHERE m.user_id = $1 AND m.left_seq IS NULL
        """;

    public async Task<InboxPage> PageAsync(
        UserId user, InboxPlace? before, PageSize size, CancellationToken cancellationToken)
    {
        var (limit, bytesMax) = (size.Entries + 1, (long)size.Bytes); // One more than the page holds: more follow.
        var found = 0L;
        var items = before is null
            ? await database.QueryAsync(FirstPage, Read, cancellationToken, user.Value, limit, bytesMax)
            : await database.QueryAsync(
                NextPage, Read, cancellationToken,
                user.Value, limit, before.UpdatedAt.UtcDateTime, before.Conversation.Value, before.AsOf.UtcDateTime,
                bytesMax);
        var shown = items.Take(size.Entries).ToList();
        if (shown.Count == 0)
            return new InboxPage([], found > 0);
        var asOf = before?.AsOf ?? shown[0].Place.AsOf;
        return new InboxPage(
            [.. shown.Select(item => item with { Place = item.Place with { AsOf = asOf } })], found > shown.Count);

        InboxItem Read(NpgsqlDataReader row)
        {
            found = row.GetInt64(15);
            return Item(row);
        }
    }

    public async Task<InboxItem?> OneAsync(
        UserId user, ConversationId conversation, CancellationToken cancellationToken)
    {
        var items = await database.QueryAsync(
            Sql("m.conversation_id = $2"), Item, cancellationToken, user.Value, conversation.Value);
        return items.FirstOrDefault();
    }

    public async Task<IReadOnlySet<(UserId, UserId)>> WatchableAsync(
        IReadOnlyCollection<(UserId Watcher, UserId Watched)> pairs, CancellationToken cancellationToken)
    {
        var watchable = await database.QueryAsync(
            """
            SELECT p.watcher, p.watched FROM unnest($1, $2) AS p(watcher, watched)
            WHERE EXISTS (
                SELECT FROM watchable w
                WHERE w.user_id = p.watched AND w.put_by IS DISTINCT FROM p.watcher AND EXISTS (
                    SELECT FROM members() m
                    WHERE m.conversation_id = w.conversation_id AND m.user_id = p.watcher AND m.left_seq IS NULL))
            """,
            row => (new UserId(row.GetGuid(0)), new UserId(row.GetGuid(1))), cancellationToken,
            pairs.Select(pair => pair.Watcher.Value).ToArray(), pairs.Select(pair => pair.Watched.Value).ToArray());
        return watchable.ToHashSet();
    }

    public Task<IReadOnlyList<ConversationId>> ConversationsAsync(UserId user, CancellationToken cancellationToken) =>
        IdsAsync("m.left_seq IS NULL", user, cancellationToken);

    public async Task<IReadOnlyList<(UserId User, ConversationId Conversation)>> ConversationsOfAsync(
        IReadOnlyCollection<UserId> users, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT u.id, c.conversation_id FROM unnest($1) AS u(id) CROSS JOIN LATERAL (
            SELECT m.conversation_id FROM members() m WHERE m.user_id = u.id AND m.left_seq IS NULL LIMIT $2) c
        """,
        row => (new UserId(row.GetGuid(0)), new ConversationId(row.GetGuid(1))), cancellationToken,
        users.Select(user => user.Value).ToArray(), limit);

    public Task<IReadOnlyList<ConversationId>> FormerAsync(UserId user, CancellationToken cancellationToken) =>
        IdsAsync("m.left_seq IS NOT NULL", user, cancellationToken);

    public async Task<IReadOnlyList<WaitingItem>> WaitingAsync(
        UserId user, DeviceId device, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"{WaitingSql} ORDER BY c.last_seq > d.seq DESC, c.updated_at DESC, m.conversation_id LIMIT $3",
        Waiting, cancellationToken, user.Value, device.ToString(), limit);

    public async Task<WaitingItem?> WaitingInAsync(
        UserId user, DeviceId device, ConversationId conversation, CancellationToken cancellationToken)
    {
        var items = await database.QueryAsync(
            $"{WaitingSql} AND m.conversation_id = $3", Waiting, cancellationToken,
            user.Value, device.ToString(), conversation.Value);
        return items.FirstOrDefault();
    }

    /// <summary>Reads a row of <see cref="WaitingSql"/>.</summary>
    private static WaitingItem Waiting(NpgsqlDataReader row) =>
        new(new ConversationId(row.GetGuid(0)), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3));

    /// <param name="where">A condition on the member <c>m</c>.</param>
    private async Task<IReadOnlyList<ConversationId>> IdsAsync(
        string where, UserId user, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT m.conversation_id FROM members() m WHERE m.user_id = $1 AND {where} ORDER BY m.conversation_id",
        row => new ConversationId(row.GetGuid(0)), cancellationToken, user.Value);

    /// <summary>Reads a row of <see cref="Sql"/>.</summary>
    private static InboxItem Item(NpgsqlDataReader row)
    {
        var conversation = new ConversationView(
            new(row.GetGuid(0)), row.GetString(1), row.GetInt64(2), row.GetInt64(3),
            row.GetFieldValue<DateTimeOffset>(4), row.GetFieldValue<DateTimeOffset>(5), ReadModelRows.Title(row, 13));
        var lastMessage = row.IsDBNull(18) ? null : ReadModelRows.Entry(row, 18);
        var settings = new ConversationSettings(
            row.GetBoolean(9), row.GetBoolean(10), row.IsDBNull(11) ? null : row.GetFieldValue<DateTimeOffset>(11));
        var place = row.GetFieldValue<DateTimeOffset>(12);
        return new InboxItem(
            conversation, lastMessage, row.GetInt64(8), row.GetInt64(6), row.GetInt64(7), settings,
            new InboxPlace(place, conversation.Id, AsOf: place), (int)row.GetInt64(16),
            row.IsDBNull(17) ? null : new UserId(row.GetGuid(17)));
    }
}
