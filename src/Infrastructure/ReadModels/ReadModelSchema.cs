using ChatCqrs.Projections.Directory;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Snapshots;
using Marten;
using Marten.Schema;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>
/// The read models' tables: documents where views change now and then, plain tables where each message changes or adds a row (docs/adr/0012). In a shadow
/// schema the same ones take a rebuild.
/// </summary>
internal static class ReadModelSchema
{
    /// <summary>How full PostgreSQL makes the pages of rows that are updated all the time, in percent.</summary>
    private const int UpdatedFillFactor = 50;

    public static void Register(StoreOptions options)
    {
        options.Schema.For<MemberView>().Identity(view => view.Id).DocumentAlias("members")
            .UniqueIndex(UniqueIndexType.DuplicatedField, view => view.UserId, view => view.ConversationId)
            .Duplicate(view => view.ConversationId);
        options.Schema.For<UserView>().Identity(view => view.Id).DocumentAlias("users");
        options.Schema.For<ConversationSnapshot>().Identity(view => view.Id).DocumentAlias("conversation_snapshots");
        options.Schema.For<ReceiptsSnapshot>().Identity(view => view.Id).DocumentAlias("receipts_snapshots");

        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Conversations(schema));
        options.Storage.ExtendedSchemaObjects.Add(ConversationSettings(schema));
        options.Storage.ExtendedSchemaObjects.Add(Watermarks(schema));
        options.Storage.ExtendedSchemaObjects.Add(Timeline(schema));
        options.Storage.ExtendedSchemaObjects.Add(MessageIds(schema));
        options.Storage.ExtendedSchemaObjects.Add(LogTrims(schema));
        options.Storage.ExtendedSchemaObjects.Add(ReceiptMarks(schema));
        options.Storage.ExtendedSchemaObjects.Add(MediaReferences(schema));
        options.Storage.ExtendedSchemaObjects.Add(Checkpoints(schema));
        ReadModelFunctions.Register(options);
    }

    /// <summary>No index but the key, and room in each page: so an update stays in its page and touches no index (PostgreSQL's heap-only tuples).</summary>
    private static Table Conversations(string schema)
    {
        var table = new Table($"{schema}.conversations");
        table.AddColumn("id", "uuid").AsPrimaryKey();
        table.AddColumn("kind", "text").NotNull();
        table.AddColumn("last_seq", "bigint").NotNull();
        table.AddColumn("last_message_seq", "bigint").NotNull();
        table.AddColumn("started_at", "timestamptz").NotNull();
        table.AddColumn("updated_at", "timestamptz").NotNull();
        table.AddColumn("title", "bytea");
        table.AddColumn("title_by", "uuid");
        table.WithFillFactor(UpdatedFillFactor);
        return table;
    }

    private static Table ConversationSettings(string schema)
    {
        var table = new Table($"{schema}.conversation_settings");
        table.AddColumn("user_id", "uuid").AsPrimaryKey();
        table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        table.AddColumn("pinned", "boolean").NotNull();
        table.AddColumn("archived", "boolean").NotNull();
        table.AddColumn("muted_until", "timestamptz");
        return table;
    }

    private static Table Watermarks(string schema)
    {
        var table = new Table($"{schema}.watermarks");
        table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        table.AddColumn("user_id", "uuid").AsPrimaryKey();
        table.AddColumn("delivered_seq", "bigint").NotNull();
        table.AddColumn("read_seq", "bigint").NotNull();
        table.AddColumn("devices", "jsonb").NotNull();
        table.WithFillFactor(UpdatedFillFactor);
        return table;
    }

    /// <summary>
    /// Types of messages stand here as their numbers in <see cref="Domain.Messages.MessageType"/>, which only grows at its end. A message has a
    /// <c>kept_until</c> as long as its content is kept, so that lists and sweeps pass over those that are gone without looking at them.
    /// </summary>
    private static Table Timeline(string schema)
    {
        var table = new Table($"{schema}.timeline");
        table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        table.AddColumn("seq", "bigint").AsPrimaryKey();
        table.AddColumn("kind", "text").NotNull();
        table.AddColumn("at", "timestamptz").NotNull();
        table.AddColumn("actor", "uuid");
        table.AddColumn("device", "uuid");
        table.AddColumn("message_id", "uuid");
        table.AddColumn("type", "smallint");
        table.AddColumn("bucket", "text");
        table.AddColumn("content", "bytea");
        table.AddColumn("reply_to", "uuid");
        table.AddColumn("expires_at", "timestamptz");
        table.AddColumn("event", "text"); // The wire name of an update, and its payload.
        table.AddColumn("payload", "bytea");
        table.AddColumn("edited_at", "timestamptz");
        table.AddColumn("deleted_at", "timestamptz");
        table.AddColumn("reactions", "jsonb");
        table.AddColumn("message_no", "bigint").NotNull();
        table.AddColumn("author_no", "bigint");
        table.AddColumn("expired_at", "timestamptz");
        table.AddColumn("kept_until", "timestamptz");
        table.Indexes.Add(
            new IndexDefinition("timeline_authors") { Predicate = "message_id IS NOT NULL" }.AgainstColumns("conversation_id", "actor", "seq"));
        table.Indexes.Add(
            new IndexDefinition("timeline_deleted") { Predicate = "deleted_at IS NOT NULL" }.AgainstColumns("conversation_id", "seq"));
        table.Indexes.Add(
            new IndexDefinition("timeline_expired") { Predicate = "expired_at IS NOT NULL" }.AgainstColumns("conversation_id", "seq"));
        table.Indexes.Add(
            new IndexDefinition("timeline_kept") { Predicate = "kept_until IS NOT NULL" }.AgainstColumns("conversation_id", "seq"));
        table.Indexes.Add(
            new IndexDefinition("timeline_unread") { Predicate = "kept_until IS NOT NULL AND deleted_at IS NULL" }
                .AgainstColumns("conversation_id", "actor", "seq"));
        table.Indexes.Add(new IndexDefinition("timeline_due") { Predicate = "kept_until IS NOT NULL" }.AgainstColumns("kept_until"));
        return table;
    }

    private static Table MessageIds(string schema)
    {
        var table = new Table($"{schema}.message_ids");
        table.AddColumn("message_id", "uuid").AsPrimaryKey();
        table.AddColumn("sender", "uuid").AsPrimaryKey();
        table.AddColumn("conversation_id", "uuid").NotNull();
        table.AddColumn("seq", "bigint").NotNull();
        table.AddColumn("sent_at", "timestamptz").NotNull();
        table.AddColumn("fingerprint", "uuid").NotNull();
        return table;
    }

    /// <summary>Conversations whose log begins with what is gone, and by which entry the last of that went.</summary>
    private static Table LogTrims(string schema)
    {
        var table = new Table($"{schema}.log_trims");
        table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        table.AddColumn("expiry_seq", "bigint").NotNull();
        return table;
    }

    private static Table ReceiptMarks(string schema)
    {
        var table = new Table($"{schema}.receipt_marks");
        table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        table.AddColumn("user_id", "uuid").AsPrimaryKey();
        table.AddColumn("is_read", "boolean").AsPrimaryKey();
        table.AddColumn("up_to_seq", "bigint").AsPrimaryKey();
        table.AddColumn("at", "timestamptz").NotNull();
        return table;
    }

    private static Table MediaReferences(string schema)
    {
        var table = new Table($"{schema}.media_references");
        table.AddColumn("file_id", "uuid").AsPrimaryKey();
        table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        table.AddColumn("seq", "bigint").AsPrimaryKey();
        table.AddColumn("message_id", "uuid").NotNull();
        table.AddColumn("at", "timestamptz").NotNull();
        table.Indexes.Add(new IndexDefinition("media_references_conversation").AgainstColumns("conversation_id", "seq"));
        return table;
    }

    /// <summary>How far the views are (<c>live</c>), and which rebuilds are asked for (<c>rebuild:{name}</c>).</summary>
    private static Table Checkpoints(string schema)
    {
        var table = new Table($"{schema}.checkpoints");
        table.AddColumn("name", "text").AsPrimaryKey();
        table.AddColumn("position", "numeric(20,0)").NotNull();
        table.AddColumn("lag_seconds", "double precision").NotNull();
        table.AddColumn("updated_at", "timestamptz").NotNull();
        return table;
    }
}
