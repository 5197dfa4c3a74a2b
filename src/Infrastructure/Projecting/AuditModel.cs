using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Infrastructure.ReadModels;
using Npgsql;
using NpgsqlTypes;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Who looked at what, and the matters and holds: rows, written one by one, since they are few beside messages.
/// </summary>
internal sealed class AuditModel : IReadModel
{
    private const string NotTheirs = "It belongs to the audit, not to an account.";

    private static readonly OnErasure Stays =
        OnErasure.Keeps("Who looked, and who asked, does not become unknown by leaving.");

    public string Name => "audit";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        new RowTable("audit_accesses")
        {
            Define = table =>
            {
                table.AddColumn("id", "uuid").AsPrimaryKey();
                table.AddColumn("at", "timestamptz").NotNull();
                table.AddColumn("auditor_id", "uuid").NotNull();
                table.AddColumn("device_id", "uuid").NotNull();
                table.AddColumn("call", "text").NotNull();
                table.AddColumn("conversation_id", "uuid");
                table.AddColumn("matter_id", "uuid");
                table.AddColumn("scope", "text");
                table.AddColumn("content", "boolean").NotNull();
                table.AddColumn("without_approval", "boolean").NotNull();
                table.AddColumn("delivered_at", "timestamptz");
                table.AddColumn("entries", "bigint");
                table.AddColumn("sha256", "bytea");
                table.Indexes.Add(new IndexDefinition("audit_accesses_at").AgainstColumns("at", "id"));
                table.Indexes.Add(
                    new IndexDefinition("audit_accesses_auditor").AgainstColumns("auditor_id", "at", "id"));
                table.Indexes.Add(new IndexDefinition("audit_accesses_conversation")
                {
                    Predicate = "conversation_id IS NOT NULL",
                }.AgainstColumns("conversation_id", "auditor_id"));
            },
            TakenOver = TruncatedRows.None,
            OnErasure = Stays,
            InExport = InExport.Leaves(NotTheirs),
        },
        new RowTable("audit_matters")
        {
            Define = table =>
            {
                table.AddColumn("id", "uuid").AsPrimaryKey();
                DefineScope(table);
                table.AddColumn("title", "text").NotNull();
                table.AddColumn("content", "boolean").NotNull();
                table.AddColumn("until", "timestamptz").NotNull();
                table.AddColumn("is_end_noted", "boolean").NotNull();
                table.Indexes.Add(new IndexDefinition("audit_matters_at").AgainstColumns("at", "id"));
                var open = new IndexDefinition("audit_matters_open") { Predicate = "NOT is_end_noted" };
                table.Indexes.Add(open.AgainstColumns("until"));
            },
            TakenOver = TruncatedRows.None,
            OnErasure = Stays,
            InExport = InExport.Leaves(NotTheirs),
        },
        new RowTable("audit_holds")
        {
            Define = table =>
            {
                table.AddColumn("id", "uuid").AsPrimaryKey();
                DefineScope(table);
                table.AddColumn("matter_id", "uuid");
                table.AddColumn("review_at", "timestamptz").NotNull();
                table.Indexes.Add(new IndexDefinition("audit_holds_at").AgainstColumns("at", "id"));
            },
            TakenOver = TruncatedRows.None,
            OnErasure = Stays,
            InExport = InExport.Leaves(NotTheirs),
        },
    ];

    public int WeightOf(Recorded fact) => fact.Event is AuditEvent ? 1 : 0;

    public async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        foreach (var fact in facts)
        {
            if (CommandOf(fact, session) is not { } command)
                continue;
            await using (command)
                await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private static NpgsqlCommand? CommandOf(Recorded fact, ReadModelSession session) => fact.Event switch
    {
        AuditEvent.AuditAccessed e => session.Command(
            """
            INSERT INTO audit_accesses
                (id, at, auditor_id, device_id, call, conversation_id, matter_id, scope, content, without_approval)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
            """,
            fact.EventId, fact.At.UtcDateTime, e.Auditor.Value, e.Device.Value, e.Call,
            Nullable(e.Conversation?.Value, NpgsqlDbType.Uuid), Nullable(e.Matter?.Value, NpgsqlDbType.Uuid),
            Nullable(e.Scope, NpgsqlDbType.Text), e.Content, e.WithoutApproval),
        AuditEvent.AuditDelivered e => session.Command(
            "UPDATE audit_accesses SET delivered_at = $2, entries = $3, sha256 = $4 WHERE id = $1",
            e.Access, fact.At.UtcDateTime, e.Entries, e.Sha256.ToArray()),
        AuditEvent.MatterRequested e => session.Command(
            $"""
            INSERT INTO audit_matters
                (id, at, by, reason, conversations, users, from_at, to_at, status, title, content, until, is_end_noted)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{AuditStatus.Pending}', $9, $10, $11, false) ON CONFLICT DO NOTHING
            """,
            [.. Scope(e.Matter.Value, fact, e.By, e.Reason, e.Scope), e.Title, e.Content, e.Until.UtcDateTime]),
        AuditEvent.MatterApproved e => Settle(session, "audit_matters", e.Matter.Value, AuditStatus.Approved, e.By),
        AuditEvent.MatterRefused e => session.Command(
            $"""
            UPDATE audit_matters SET status = '{AuditStatus.Refused}', settled_by = $2, is_end_noted = true WHERE id = $1
            """,
            e.Matter.Value, e.By.Value),
        AuditEvent.MatterEnded e => session.Command(
            "UPDATE audit_matters SET is_end_noted = true WHERE id = $1", e.Matter.Value),
        AuditEvent.HoldPlaced e => session.Command(
            $"""
            INSERT INTO audit_holds
                (id, at, by, reason, conversations, users, from_at, to_at, status, matter_id, review_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{AuditStatus.Pending}', $9, $10) ON CONFLICT DO NOTHING
            """,
            [
                .. Scope(e.Hold.Value, fact, e.By, e.Reason, e.Scope),
                Nullable(e.Matter?.Value, NpgsqlDbType.Uuid), e.ReviewAt.UtcDateTime,
            ]),
        AuditEvent.HoldApproved e => Settle(session, "audit_holds", e.Hold.Value, AuditStatus.Approved, e.By),
        AuditEvent.HoldRefused e => Settle(session, "audit_holds", e.Hold.Value, AuditStatus.Refused, e.By),
        AuditEvent.HoldReleased e => session.Command(
            $"UPDATE audit_holds SET status = '{AuditStatus.Ended}' WHERE id = $1", e.Hold.Value),
        _ => null,
    };

    private static NpgsqlCommand Settle(
        ReadModelSession session, string table, Guid id, string status, UserId? by) => session.Command(
        $"UPDATE {table} SET status = $2, settled_by = $3 WHERE id = $1", id, status,
        Nullable(by?.Value, NpgsqlDbType.Uuid));

    /// <summary>The columns that matters and holds share.</summary>
    private static void DefineScope(Table table)
    {
        table.AddColumn("at", "timestamptz").NotNull();
        table.AddColumn("by", "uuid").NotNull();
        table.AddColumn("reason", "text").NotNull();
        table.AddColumn("conversations", "uuid[]").NotNull();
        table.AddColumn("users", "uuid[]").NotNull();
        table.AddColumn("from_at", "timestamptz");
        table.AddColumn("to_at", "timestamptz");
        table.AddColumn("status", "text").NotNull();
        table.AddColumn("settled_by", "uuid");
    }

    private static object[] Scope(Guid id, Recorded fact, UserId by, string reason, AuditScope scope) =>
    [
        id, fact.At.UtcDateTime, by.Value, reason, scope.Conversations.Select(item => item.Value).ToArray(),
        scope.Users.Select(item => item.Value).ToArray(),
        Nullable(scope.From?.UtcDateTime, NpgsqlDbType.TimestampTz),
        Nullable(scope.To?.UtcDateTime, NpgsqlDbType.TimestampTz),
    ];

    private static NpgsqlParameter Nullable(object? value, NpgsqlDbType type) =>
        new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };
}
