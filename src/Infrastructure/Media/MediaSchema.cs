using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Media;

/// <summary>
/// Tables for what is uploaded: decided at once for all nodes, like accounts. Whom a file was sent to is a read model, see
/// <see cref="Projecting.MediaModel"/>.
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

    /// <summary>One row an upload of a user's, however often they repeat it.</summary>
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
        table.Indexes.Add(new IndexDefinition("media_files_owner") { IsUnique = true }.AgainstColumns("owner", "sha256", "file_type"));
        table.Indexes.Add(new IndexDefinition("media_files_sha256").AgainstColumns("sha256"));
        table.Indexes.Add(new IndexDefinition("media_files_used").AgainstColumns("used_at"));
        return table;
    }

    /// <summary>One row a content.</summary>
    private static Table Blobs(string schema)
    {
        var table = new Table($"{schema}.media_blobs");
        table.AddColumn("sha256", "bytea").AsPrimaryKey();
        table.AddColumn("size", "bigint").NotNull();
        return table;
    }

    /// <summary>Where the bytes of a content, or of an upload that is under way, are.</summary>
    private static Table Segments(string schema, string name, string owner, string type)
    {
        var table = new Table($"{schema}.{name}");
        table.AddColumn(owner, type).AsPrimaryKey();
        table.AddColumn("start", "bigint").AsPrimaryKey();
        table.AddColumn("size", "bigint").NotNull();
        table.AddColumn("key", "uuid").NotNull();
        return table;
    }

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
        table.Indexes.Add(new IndexDefinition("media_uploads_owner").AgainstColumns("owner"));
        table.Indexes.Add(new IndexDefinition("media_uploads_expires").AgainstColumns("expires_at"));
        return table;
    }

    /// <summary>Keys whose bytes nothing refers to: not yet, or not any more.</summary>
    private static Table Garbage(string schema)
    {
        var table = new Table($"{schema}.media_garbage");
        table.AddColumn("key", "uuid").AsPrimaryKey();
        table.AddColumn("due", "timestamptz").NotNull();
        table.Indexes.Add(new IndexDefinition("media_garbage_due").AgainstColumns("due"));
        return table;
    }
}
