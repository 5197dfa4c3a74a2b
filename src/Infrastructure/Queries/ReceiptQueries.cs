using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IReceipts"/>
internal sealed class ReceiptQueries(NpgsqlDataSource database) : IReceipts
{
    public async Task<ILookup<ConversationId, MemberReceipts>> OfAsync(
        IReadOnlyCollection<ConversationId> conversations, CancellationToken cancellationToken)
    {
        var members = await database.QueryAsync(
            """
            SELECT m.conversation_id, m.user_id, m.document::text, coalesce(w.delivered_seq, -1), coalesce(w.read_seq, -1)
            FROM members() m LEFT JOIN watermarks w ON w.conversation_id = m.conversation_id AND w.user_id = m.user_id
            WHERE m.conversation_id = ANY ($1) AND (w.user_id IS NOT NULL OR NOT EXISTS (
                SELECT FROM mt_doc_users u WHERE u.id = m.user_id::text AND u.data ->> 'erased_at' IS NOT NULL))
            """,
            row => new MemberReceipts(
                new(row.GetGuid(0)), new(row.GetGuid(1)), StaysOf(row.GetString(2)), row.GetInt64(3), row.GetInt64(4)),
            cancellationToken, conversations.Select(id => id.Value).ToArray());
        return members.ToLookup(member => member.Conversation);
    }

    public async Task<IReadOnlyList<ReceiptMark>> MarksAsync(
        ConversationId conversation, UserId user, ReceiptMark? after, int limit, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            SELECT r.is_read, r.up_to_seq, r.at FROM receipt_marks r
            WHERE r.conversation_id = $1 AND r.user_id = $2 AND (r.is_read, r.up_to_seq) > ($3, $4)
            ORDER BY r.is_read, r.up_to_seq LIMIT $5
            """,
            row => new ReceiptMark(
                new MemberKey(conversation, user), row.GetBoolean(0), row.GetInt64(1),
                row.GetFieldValue<DateTimeOffset>(2)),
            cancellationToken,
            conversation.Value, user.Value, after?.IsRead ?? false, after?.UpToSeq ?? -1, limit);

    public async Task<IReadOnlyList<RecipientReceipt>> TimesAsync(
        ConversationId conversation, long seq, CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT m.user_id, m.document::text,
            (SELECT r.at FROM receipt_marks r
             WHERE r.conversation_id = $1 AND r.user_id = m.user_id AND NOT r.is_read AND r.up_to_seq >= $2 ORDER BY r.up_to_seq LIMIT 1),
            (SELECT r.at FROM receipt_marks r
             WHERE r.conversation_id = $1 AND r.user_id = m.user_id AND r.is_read AND r.up_to_seq >= $2 ORDER BY r.up_to_seq LIMIT 1)
        FROM members() m WHERE m.conversation_id = $1 ORDER BY m.user_id
        """,
        row => new RecipientReceipt(
            new(row.GetGuid(0)), StaysOf(row.GetString(1)),
            row.IsDBNull(2) ? null : row.GetFieldValue<DateTimeOffset>(2),
            row.IsDBNull(3) ? null : row.GetFieldValue<DateTimeOffset>(3)),
        cancellationToken, conversation.Value, seq);

    private static IReadOnlyList<Stay> StaysOf(string document) =>
        JsonSerializer.Deserialize(document, StaysJson.Default.StaysDocument)!.Stays;
}

/// <summary>The part of a member's document that says when they belonged to the conversation.</summary>
/// <param name="Earlier">The stays before the last one; null or empty for none.</param>
internal sealed record StaysDocument(long JoinedSeq, long? LeftSeq, IReadOnlyList<Stay>? Earlier)
{
    [JsonIgnore]
    public IReadOnlyList<Stay> Stays => [.. Earlier ?? [], new Stay(JoinedSeq, LeftSeq)];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StaysDocument))]
internal sealed partial class StaysJson : JsonSerializerContext;
