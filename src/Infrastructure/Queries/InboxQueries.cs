using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Inbox;
using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IInbox"/>
/// <remarks>Marten names the columns that it duplicates from <c>user_id</c> and <c>conversation_id</c> with two underscores.</remarks>
internal sealed class InboxQueries(NpgsqlDataSource database, IDocumentStore documents) : IInbox
{
    /// <summary>The page is cut first; unread messages are counted only for what is on it.</summary>
    private static string Sql(string where) =>
        $"""
        SELECT p.conversation, u.unread, p.delivered_seq, p.read_seq, {Rows.EntryColumns}
        FROM (
            SELECT c.data AS conversation, m.conversation__id AS conversation_id, m.user__id AS user_id, (c.data ->> 'updated_at')::timestamptz AS updated_at, c.id,
                   (c.data ->> 'last_message_seq')::bigint AS last_message_seq, (m.data ->> 'joined_seq')::bigint AS joined_seq,
                   coalesce((w.data ->> 'delivered_seq')::bigint, -1) AS delivered_seq, coalesce((w.data ->> 'read_seq')::bigint, -1) AS read_seq
            FROM chat.mt_doc_members m
            JOIN chat.mt_doc_conversations c ON c.id = m.conversation__id::text
            LEFT JOIN chat.mt_doc_watermarks w ON w.id = m.id
            WHERE m.user__id = $1 AND {where}
        ) p
        LEFT JOIN chat.timeline t ON t.conversation_id = p.conversation_id AND t.seq = p.last_message_seq
        CROSS JOIN LATERAL (
            SELECT count(*) AS unread FROM chat.timeline n
            WHERE n.conversation_id = p.conversation_id AND n.seq >= p.joined_seq AND n.seq > p.read_seq
              AND n.message_id IS NOT NULL AND n.actor <> p.user_id
        ) u
        ORDER BY p.updated_at DESC, p.id DESC
        """;

    public async Task<IReadOnlyList<InboxItem>> PageAsync(UserId user, InboxPlace? before, int limit, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            Sql("($2::timestamptz IS NULL OR ((c.data ->> 'updated_at')::timestamptz, c.id) < ($2, $3)) ORDER BY updated_at DESC, c.id DESC LIMIT $4"),
            Item, cancellationToken, user.Value, before is null ? DBNull.Value : before.UpdatedAt.UtcDateTime, before?.Conversation ?? "", limit);

    public async Task<InboxItem?> OneAsync(UserId user, ConversationId conversation, CancellationToken cancellationToken) =>
        (await database.QueryAsync(Sql("m.conversation__id = $2"), Item, cancellationToken, user.Value, conversation.Value)).FirstOrDefault();

    public async Task<IReadOnlyList<WaitingItem>> WaitingAsync(UserId user, DeviceId device, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            SELECT m.conversation__id, (m.data ->> 'joined_seq')::bigint, coalesce((w.data -> 'devices' ->> $2)::bigint, -1), (c.data ->> 'last_seq')::bigint
            FROM chat.mt_doc_members m
            JOIN chat.mt_doc_conversations c ON c.id = m.conversation__id::text
            LEFT JOIN chat.mt_doc_watermarks w ON w.id = m.id
            WHERE m.user__id = $1
            """,
            row => new WaitingItem(
                new ConversationId(row.GetGuid(0)), Math.Max(row.GetInt64(1) - 1, row.GetInt64(2)), row.GetInt64(3)),
            cancellationToken, user.Value, device.ToString());

    private InboxItem Item(NpgsqlDataReader row) => new(
        documents.Options.Serializer().FromJson<ConversationView>(row.GetStream(0)),
        row.IsDBNull(4) ? null : Rows.Entry(row, 4), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3));
}
