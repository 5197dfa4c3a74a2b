using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Inbox;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IInbox"/>
/// <remarks>Marten names the columns that it duplicates from <c>user_id</c> and <c>conversation_id</c> with two underscores.</remarks>
internal sealed class InboxQueries(NpgsqlDataSource database) : IInbox
{
    /// <summary>
    /// The page is cut first. What is unread is not counted message by message: it is the difference of the numbers at both ends of what lies after the read
    /// watermark, less the same difference for the user's own messages.
    /// </summary>
    private static string Sql(string where) =>
        $"""
        SELECT p.id, p.kind, p.last_seq, p.last_message_seq, p.started_at, p.updated_at, p.delivered_seq, p.read_seq,
            coalesce(newest.message_no - (
                SELECT n.message_no - (n.message_id IS NOT NULL)::int FROM chat.timeline n
                WHERE n.conversation_id = p.id AND n.seq > p.seen_seq ORDER BY n.seq LIMIT 1), 0)
            - coalesce((
                SELECT n.author_no FROM chat.timeline n
                WHERE n.conversation_id = p.id AND n.actor = $1 AND n.message_id IS NOT NULL AND n.seq > p.seen_seq ORDER BY n.seq DESC LIMIT 1) - (
                SELECT n.author_no - 1 FROM chat.timeline n
                WHERE n.conversation_id = p.id AND n.actor = $1 AND n.message_id IS NOT NULL AND n.seq > p.seen_seq ORDER BY n.seq LIMIT 1), 0) AS unread,
            {Rows.EntryColumns}
        FROM (
            SELECT c.*, coalesce(w.delivered_seq, -1) AS delivered_seq, coalesce(w.read_seq, -1) AS read_seq,
                greatest(coalesce(w.read_seq, -1), c.joined_seq - 1) AS seen_seq
            FROM (
                SELECT c.*, (m.data ->> 'joined_seq')::bigint AS joined_seq
                FROM chat.mt_doc_members m JOIN chat.conversations c ON c.id = m.conversation__id
                WHERE m.user__id = $1 AND {where}
            ) c
            LEFT JOIN chat.watermarks w ON w.conversation_id = c.id AND w.user_id = $1
        ) p
        LEFT JOIN LATERAL (
            SELECT n.message_no FROM chat.timeline n WHERE n.conversation_id = p.id ORDER BY n.seq DESC LIMIT 1
        ) newest ON true
        LEFT JOIN chat.timeline t ON t.conversation_id = p.id AND t.seq = p.last_message_seq AND t.seq >= p.joined_seq
        ORDER BY p.updated_at DESC, p.id DESC
        """;

    public async Task<IReadOnlyList<InboxItem>> PageAsync(UserId user, InboxPlace? before, int limit, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            Sql("($2::timestamptz IS NULL OR (c.updated_at, c.id) < ($2, $3)) ORDER BY c.updated_at DESC, c.id DESC LIMIT $4"),
            Item, cancellationToken, user.Value, before is null ? DBNull.Value : before.UpdatedAt.UtcDateTime, before?.Conversation.Value ?? Guid.Empty, limit);

    public async Task<InboxItem?> OneAsync(UserId user, ConversationId conversation, CancellationToken cancellationToken) =>
        (await database.QueryAsync(Sql("m.conversation__id = $2"), Item, cancellationToken, user.Value, conversation.Value)).FirstOrDefault();

    public async Task<IReadOnlyList<WaitingItem>> WaitingAsync(UserId user, DeviceId device, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            SELECT m.conversation__id, (m.data ->> 'joined_seq')::bigint, coalesce((w.devices ->> $2)::bigint, -1), c.last_seq
            FROM chat.mt_doc_members m
            JOIN chat.conversations c ON c.id = m.conversation__id
            LEFT JOIN chat.watermarks w ON w.conversation_id = m.conversation__id AND w.user_id = m.user__id
            WHERE m.user__id = $1
            """,
            row => new WaitingItem(
                new ConversationId(row.GetGuid(0)), Math.Max(row.GetInt64(1) - 1, row.GetInt64(2)), row.GetInt64(3)),
            cancellationToken, user.Value, device.ToString());

    private static InboxItem Item(NpgsqlDataReader row) => new(
        new ConversationView(
            new(row.GetGuid(0)), row.GetString(1), row.GetInt64(2), row.GetInt64(3),
            row.GetFieldValue<DateTimeOffset>(4), row.GetFieldValue<DateTimeOffset>(5)),
        row.IsDBNull(9) ? null : Rows.Entry(row, 9), row.GetInt64(8), row.GetInt64(6), row.GetInt64(7));
}
