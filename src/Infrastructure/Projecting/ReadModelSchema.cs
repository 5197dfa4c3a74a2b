using ChatCqrs.Projections.Directory;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;
using ChatCqrs.Projections.Snapshots;
using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The read models' tables: documents where views change, plain tables filled by COPY where one row a message is added. In a shadow schema the same ones
/// take a rebuild.
/// </summary>
internal static class ReadModelSchema
{
    public static void Register(StoreOptions options)
    {
        options.Schema.For<ConversationView>().Identity(view => view.Id).DocumentAlias("conversations");
        options.Schema.For<MemberView>().Identity(view => view.Id).DocumentAlias("members")
            .Duplicate(view => view.UserId).Duplicate(view => view.ConversationId);
        options.Schema.For<WatermarkView>().Identity(view => view.Id).DocumentAlias("watermarks").Duplicate(view => view.ConversationId);
        options.Schema.For<UserView>().Identity(view => view.Id).DocumentAlias("users");
        options.Schema.For<ConversationSnapshot>().Identity(view => view.Id).DocumentAlias("conversation_snapshots");
        options.Schema.For<ReceiptsSnapshot>().Identity(view => view.Id).DocumentAlias("receipts_snapshots");

        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Timeline(schema));
        options.Storage.ExtendedSchemaObjects.Add(MessageIds(schema));
        options.Storage.ExtendedSchemaObjects.Add(ReceiptMarks(schema));
        options.Storage.ExtendedSchemaObjects.Add(Checkpoints(schema));
    }

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
        table.AddColumn("members", "uuid[]");
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

    /// <summary>How far the views are (<c>live</c>), and which rebuilds are asked for (<c>rebuild:{name}</c>).</summary>
    private static Table Checkpoints(string schema)
    {
        var table = new Table($"{schema}.checkpoints");
        table.AddColumn("name", "text").AsPrimaryKey();
        table.AddColumn("position", "numeric(20,0)").NotNull();
        table.AddColumn("lag_seconds", "double precision").NotNull();
        table.AddColumn("detail", "text");
        table.AddColumn("updated_at", "timestamptz").NotNull();
        return table;
    }
}
