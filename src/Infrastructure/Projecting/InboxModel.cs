using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections;
using ChatCqrs.Projections.Inbox;
using Marten.Schema;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Which conversations are there, and who belongs to them: members as documents, since they hardly ever change;
/// conversations as rows, since each message changes one. Erased members apart, since unread counts leave them out.
/// </summary>
internal sealed class InboxModel : IReadModel
{
    public string Name => "inbox";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        // No index but the key, and room in each page: an update stays in its page and touches no index (PostgreSQL's heap-only tuples).
        new RowTable("conversations")
        {
            Define = table =>
            {
                table.AddColumn("id", "uuid").AsPrimaryKey();
                table.AddColumn("kind", "text").NotNull();
                table.AddColumn("last_seq", "bigint").NotNull();
                table.AddColumn("last_message_seq", "bigint").NotNull();
                table.AddColumn("started_at", "timestamptz").NotNull();
                table.AddColumn("updated_at", "timestamptz").NotNull();
                table.AddColumn("title", "bytea");
                table.AddColumn("title_by", "uuid");
                table.WithFillFactor(RowTable.UpdatedFillFactor);
            },
            TakenOver = TruncatedRows.Conversation("t.id"),
            OnErasure = OnErasure.Keeps("A conversation belongs to all of its members. Titles are sealed under their author's key."),
            InExport = InExport.Shows("conversations"),
        },
        new DocumentTable<MemberView>("members")
        {
            Map = documents => documents.Identity(view => view.Id)
                .UniqueIndex(UniqueIndexType.DuplicatedField, view => view.UserId, view => view.ConversationId)
                .Duplicate(view => view.ConversationId)
                .Index(view => view.ConversationId, index =>
                {
                    // An inbox counts the members of each conversation on a page.
                    index.Name = "mt_doc_members_present";
                    index.Predicate = "(((data ->> 'left_seq'::text))::bigint IS NULL)";
                }),
            TakenOver = TruncatedRows.Conversation("t.conversation__id"),
            OnErasure = OnErasure.Keeps("Who was there says who received what the others wrote."),
            InExport = InExport.Shows("conversations"),
        },
        new RowTable("conversation_settings")
        {
            Define = table =>
            {
                table.AddColumn("user_id", "uuid").AsPrimaryKey();
                table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
                table.AddColumn("pinned", "boolean").NotNull();
                table.AddColumn("archived", "boolean").NotNull();
                table.AddColumn("muted_until", "timestamptz");
            },
            TakenOver = TruncatedRows.None,
            OnErasure = OnErasure.Deletes("user_id"),
            InExport = InExport.Shows("settings"),
        },
        .. ErasedMembers.Tables,
    ];

    public int WeightOf(Recorded fact) => MembersProjection.KeysOf(fact).Count();

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        await DocumentFold<MemberKey, MemberView, MembersProjection>.ApplyAsync(facts, session, view => view.Id, cancellationToken);
        await SaveSettingsAsync(facts, session, cancellationToken);
        await ErasedMembers.ApplyAsync(facts, session, cancellationToken);
        var keys = Folding<ConversationId, ConversationView, ConversationsProjection>.KeysOf(facts);
        if (keys.Count == 0)
            return;
        var views = await LoadAsync(keys, session, cancellationToken);
        Folding<ConversationId, ConversationView, ConversationsProjection>.Apply(facts, views);
        await SaveAsync([.. views.Values.OfType<ConversationView>()], session, cancellationToken);
    }

    private static async Task<Dictionary<ConversationId, ConversationView?>> LoadAsync(
        IReadOnlySet<ConversationId> keys, ReadModelSession session, CancellationToken cancellationToken)
    {
        var views = new Dictionary<ConversationId, ConversationView?>(keys.Count);
        await using var command = session.Command(
            "SELECT id, kind, last_seq, last_message_seq, started_at, updated_at, title, title_by FROM conversations WHERE id = ANY ($1)",
            keys.Select(key => key.Value).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var view = new ConversationView(
                new(row.GetGuid(0)), row.GetString(1), row.GetInt64(2), row.GetInt64(3),
                row.GetFieldValue<DateTimeOffset>(4), row.GetFieldValue<DateTimeOffset>(5), ReadModelRows.Title(row, 6));
            views.Add(view.Id, view);
        }

        return views;
    }

    private static async Task SaveAsync(IReadOnlyList<ConversationView> views, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            """
            INSERT INTO conversations (id, kind, last_seq, last_message_seq, started_at, updated_at, title, title_by)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7::bytea[], $8::uuid[])
            ON CONFLICT (id) DO UPDATE SET
                last_seq = excluded.last_seq, last_message_seq = excluded.last_message_seq, updated_at = excluded.updated_at, title = excluded.title,
                title_by = excluded.title_by
            """,
            views.Select(view => view.Id.Value).ToArray(),
            views.Select(view => view.Kind).ToArray(),
            views.Select(view => view.LastSeq).ToArray(),
            views.Select(view => view.LastMessageSeq).ToArray(),
            views.Select(view => view.StartedAt.UtcDateTime).ToArray(),
            views.Select(view => view.UpdatedAt.UtcDateTime).ToArray(),
            new NpgsqlParameter { Value = views.Select(view => view.Title?.Content.Bytes.ToArray()).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea },
            new NpgsqlParameter { Value = views.Select(view => view.Title?.By.Value).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task SaveSettingsAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var views = new Dictionary<MemberKey, SettingsView?>();
        Folding<MemberKey, SettingsView, SettingsProjection>.Apply(facts, views);
        if (views.Count == 0)
            return;
        var changed = views.Values.OfType<SettingsView>().ToList();
        await using var command = session.Command(
            """
            INSERT INTO conversation_settings (user_id, conversation_id, pinned, archived, muted_until)
            SELECT * FROM unnest($1, $2, $3, $4, $5)
            ON CONFLICT (user_id, conversation_id) DO UPDATE SET
                pinned = excluded.pinned, archived = excluded.archived, muted_until = excluded.muted_until
            """,
            changed.Select(view => view.Key.User.Value).ToArray(),
            changed.Select(view => view.Key.Conversation.Value).ToArray(),
            changed.Select(view => view.Settings.Pinned).ToArray(),
            changed.Select(view => view.Settings.Archived).ToArray(),
            changed.Select(view => view.Settings.MutedUntil?.UtcDateTime).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
