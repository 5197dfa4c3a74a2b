using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Media;

/// <summary>
/// The tables of uploads. They are written directly, not folded, so all nodes agree at once. The conversations that a
/// file was sent to are a read model (<see cref="Projecting.MediaModel"/>).
/// </summary>
internal static class MediaSchema
{
    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Files(schema));
        options.Storage.ExtendedSchemaObjects.Add(Blobs(schema));
        options.Storage.ExtendedSchemaObjects.Add(Segments(schema, "media_segments", "sha256", "bytea"));
        options.Storage.ExtendedSchemaObjects.Add(Uploads(schema));
        options.Storage.ExtendedSchemaObjects.Add(Segments(schema, "media_parts", "upload_id", "uuid"));
        options.Storage.ExtendedSchemaObjects.Add(Garbage(schema));
    }

    /// <summary>A row for each file of a user; the same bytes with the same type are the same file.</summary>
    private static Table Files(string schema)
    {
        var table = new Table($"{schema}.media_files");
        table.AddColumn("file_id", "uuid").AsPrimaryKey();
        table.AddColumn("owner", "uuid").NotNull();
        table.AddColumn("sha256", "bytea").NotNull();
        table.AddColumn("file_type", "text").NotNull();
        table.AddColumn("content_type", "text").NotNull();
        table.AddColumn("name", "bytea");
        table.AddColumn("uploaded_at", "timestamptz").NotNull();
        table.AddColumn("used_at", "timestamptz").NotNull();
        table.AddColumn("size", "bigint"); // Null in rows of an earlier version: the content's row has it.
        table.Indexes.Add(new IndexDefinition("media_files_owner") { IsUnique = true }
            .AgainstColumns("owner", "sha256", "file_type"));
        table.Indexes.Add(new IndexDefinition("media_files_sha256").AgainstColumns("sha256"));
        table.Indexes.Add(new IndexDefinition("media_files_used").AgainstColumns("used_at"));
        return table;
    }

    /// <summary>A row for each content, whoever uploaded it.</summary>
    private static Table Blobs(string schema)
    {
        var table = new Table($"{schema}.media_blobs");
        table.AddColumn("sha256", "bytea").AsPrimaryKey();
        table.AddColumn("size", "bigint").NotNull();
        return table;
    }

    /// <summary>The keys of the bytes of a content, or of an unfinished upload.</summary>
    private static Table Segments(string schema, string name, string owner, string type)
    {
        var table = new Table($"{schema}.{name}");
        table.AddColumn(owner, type).AsPrimaryKey();
        table.AddColumn("start", "bigint").AsPrimaryKey();
        table.AddColumn("size", "bigint").NotNull();
        table.AddColumn("key", "uuid").NotNull();
        return table;
    }

    /// <summary>
    /// <c>length</c> is -1 while it is unknown. <c>reserved</c> are the bytes of the user's quota that it holds.
    /// </summary>
    private static Table Uploads(string schema)
    {
        var table = new Table($"{schema}.media_uploads");
        table.AddColumn("id", "uuid").AsPrimaryKey();
        table.AddColumn("owner", "uuid").NotNull();
        table.AddColumn("length", "bigint").NotNull();
        table.AddColumn("received", "bigint").NotNull();
        table.AddColumn("file_type", "text").NotNull();
        table.AddColumn("name", "bytea");
        table.AddColumn("expires_at", "timestamptz").NotNull();
        table.AddColumn("file_id", "uuid");
        table.AddColumn("reserved", "bigint").NotNull().DefaultValueByExpression("0");
        table.AddColumn("metadata", "bytea");
        table.AddColumn("concat", "text");
        table.Indexes.Add(new IndexDefinition("media_uploads_owner").AgainstColumns("owner"));
        table.Indexes.Add(new IndexDefinition("media_uploads_expires").AgainstColumns("expires_at"));
        return table;
    }

    /// <summary>
    /// Keys of bytes that nothing refers to yet, or nothing refers to any more. While a user's file arrives, its row
    /// holds bytes of the user's quota.
    /// </summary>
    private static Table Garbage(string schema)
    {
        var table = new Table($"{schema}.media_garbage");
        table.AddColumn("key", "uuid").AsPrimaryKey();
        table.AddColumn("due", "timestamptz").NotNull();
        table.AddColumn("owner", "uuid");
        table.AddColumn("reserved", "bigint");
        table.Indexes.Add(new IndexDefinition("media_garbage_due").AgainstColumns("due"));
        table.Indexes.Add(new IndexDefinition("media_garbage_owner").AgainstColumns("owner"));
        return table;
    }
}
