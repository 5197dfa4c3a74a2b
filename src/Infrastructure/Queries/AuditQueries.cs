using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IAuditViews"/>
internal sealed class AuditQueries(NpgsqlDataSource database) : IAuditViews
{
    /// <summary>The columns of a scope, from the first one on.</summary>
    private const string ScopeColumns =
        "id, at, by, reason, conversations, users, from_at, to_at, status, settled_by";

    public async Task<IReadOnlyList<AccessRow>> AccessesAsync(
        AccessFilter filter, AuditPlace? after, int limit, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"""
            SELECT id, at, auditor_id, device_id, call, conversation_id, matter_id, scope, content, without_approval,
                delivered_at, entries, sha256
            FROM audit_accesses
            WHERE (at, id) < ($1, $2) {(filter.Auditor is null ? "AND $5 IS NULL" : "AND auditor_id = $5")}
              AND at >= $3 AND at <= $4
            ORDER BY at DESC, id DESC LIMIT $6
            """,
            AccessOf, cancellationToken,
            Time(after?.At, DateTime.MaxValue), after?.Id ?? Guid.Empty, Time(filter.From, DateTime.MinValue),
            Time(filter.To, DateTime.MaxValue),
            new NpgsqlParameter
            {
                Value = (object?)filter.Auditor?.Value ?? DBNull.Value,
                NpgsqlDbType = NpgsqlDbType.Uuid,
            },
            limit);

    /// <remarks>
    /// A look into the index for each conversation and auditor: accesses may be many, auditors are few.
    /// </remarks>
    public async Task<IReadOnlyList<UserId>> AuditorsOfAsync(
        IReadOnlyCollection<ConversationId> conversations, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            """
            WITH RECURSIVE looked(conversation_id, auditor_id) AS (
                SELECT c.id, a.auditor_id FROM unnest($1) AS c(id) CROSS JOIN LATERAL (
                    SELECT auditor_id FROM audit_accesses WHERE conversation_id = c.id
                    ORDER BY auditor_id LIMIT 1) a
                UNION ALL
                SELECT l.conversation_id, a.auditor_id FROM looked l CROSS JOIN LATERAL (
                    SELECT auditor_id FROM audit_accesses
                    WHERE conversation_id = l.conversation_id AND auditor_id > l.auditor_id
                    ORDER BY auditor_id LIMIT 1) a
            )
            SELECT DISTINCT auditor_id FROM looked
            """,
            row => new UserId(row.GetGuid(0)), cancellationToken,
            conversations.Select(conversation => conversation.Value).ToArray());

    public async Task<IReadOnlyList<Matter>> MattersAsync(
        AuditPlace? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT {ScopeColumns}, title, content, until, is_end_noted FROM audit_matters
        WHERE (at, id) < ($1, $2) ORDER BY at DESC, id DESC LIMIT $3
        """,
        row => new Matter(
            new(row.GetGuid(0)), new(row.GetGuid(2)), row.GetString(10), row.GetString(3), ScopeOf(row),
            row.GetBoolean(11), row.GetFieldValue<DateTimeOffset>(1), row.GetFieldValue<DateTimeOffset>(12),
            SettledBy(row), StatusOf(row), row.GetBoolean(13)),
        cancellationToken, Time(after?.At, DateTime.MaxValue), after?.Id ?? Guid.Empty, limit);

    public async Task<IReadOnlyList<MatterId>> EndedMattersAsync(
        DateTimeOffset now, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT id FROM audit_matters WHERE NOT is_end_noted AND until <= $1 ORDER BY until LIMIT $2",
        row => new MatterId(row.GetGuid(0)), cancellationToken, now.UtcDateTime, limit);

    public async Task<IReadOnlyList<Hold>> HoldsAsync(
        AuditPlace? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT {ScopeColumns}, matter_id, review_at FROM audit_holds
        WHERE (at, id) < ($1, $2) ORDER BY at DESC, id DESC LIMIT $3
        """,
        row => new Hold(
            new(row.GetGuid(0)), new(row.GetGuid(2)), row.IsDBNull(10) ? null : new MatterId(row.GetGuid(10)),
            ScopeOf(row), row.GetString(3), row.GetFieldValue<DateTimeOffset>(1),
            row.GetFieldValue<DateTimeOffset>(11), SettledBy(row), StatusOf(row)),
        cancellationToken, Time(after?.At, DateTime.MaxValue), after?.Id ?? Guid.Empty, limit);

    public async Task<bool> WasAnyMemberAsync(
        ConversationId conversation, IReadOnlyCollection<UserId> users, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            "SELECT FROM members() m WHERE m.conversation_id = $1 AND m.user_id = ANY ($2) LIMIT 1", _ => true,
            cancellationToken, conversation.Value, users.Select(user => user.Value).ToArray())).Count > 0;

    private static AccessRow AccessOf(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetFieldValue<DateTimeOffset>(1), row.GetGuid(2), row.GetGuid(3), row.GetString(4),
        row.IsDBNull(5) ? null : row.GetGuid(5), row.IsDBNull(6) ? null : row.GetGuid(6),
        row.IsDBNull(7) ? null : row.GetString(7), row.GetBoolean(8), row.GetBoolean(9),
        row.IsDBNull(10) ? null : row.GetFieldValue<DateTimeOffset>(10), row.IsDBNull(11) ? 0 : row.GetInt64(11),
        row.IsDBNull(12) ? null : row.GetFieldValue<byte[]>(12));

    private static AuditScope ScopeOf(NpgsqlDataReader row) => new(
        [.. row.GetFieldValue<Guid[]>(4).Select(id => new ConversationId(id))],
        [.. row.GetFieldValue<Guid[]>(5).Select(id => new UserId(id))],
        row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6),
        row.IsDBNull(7) ? null : row.GetFieldValue<DateTimeOffset>(7));

    private static UserId? SettledBy(NpgsqlDataReader row) => row.IsDBNull(9) ? null : new UserId(row.GetGuid(9));

    private static ApprovalStatus StatusOf(NpgsqlDataReader row) => AuditStatus.Parse(row.GetString(8));

    private static DateTime Time(DateTimeOffset? time, DateTime otherwise) =>
        DateTime.SpecifyKind(time?.UtcDateTime ?? otherwise, DateTimeKind.Utc);
}
