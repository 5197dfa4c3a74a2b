using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Tables of auditors' exports. They are no read models: nothing makes them anew.</summary>
internal static class ExportSchema
{
    public static void Register(StoreOptions options)
    {
        options.Storage.ExtendedSchemaObjects.Add(Exports(options.DatabaseSchemaName));
        options.Storage.ExtendedSchemaObjects.Add(Files(options.DatabaseSchemaName));
    }

    private static Table Exports(string schema)
    {
        var table = new Table($"{schema}.audit_exports");
        table.AddColumn("id", "uuid").AsPrimaryKey();
        table.AddColumn("auditor", "uuid").NotNull();
        table.AddColumn("device", "uuid").NotNull();
        table.AddColumn("matter", "uuid");
        table.AddColumn("conversations", "uuid[]").NotNull();
        table.AddColumn("since", "timestamptz");
        table.AddColumn("until", "timestamptz");
        table.AddColumn("status", "text").NotNull();
        table.AddColumn("runs", "integer").NotNull().DefaultValueByExpression("0");
        table.AddColumn("done", "bigint").NotNull().DefaultValueByExpression("0");
        table.AddColumn("total", "bigint").NotNull().DefaultValueByExpression("0");
        table.AddColumn("size", "bigint");
        table.AddColumn("requested_at", "timestamptz").NotNull();
        table.AddColumn("moved_at", "timestamptz").NotNull(); // The last progress.
        table.AddColumn("expires_at", "timestamptz"); // Null until it has ended.
        table.Indexes.Add(new IndexDefinition("audit_exports_expires").AgainstColumns("expires_at"));
        table.Indexes.Add(new IndexDefinition("audit_exports_auditor").AgainstColumns("auditor"));
        return table;
    }

    private static Table Files(string schema)
    {
        var table = new Table($"{schema}.audit_export_files");
        table.AddColumn("export", "uuid").AsPrimaryKey();
        table.AddColumn("key", "uuid").AsPrimaryKey();
        table.AddColumn("name", "text").NotNull(); // Empty for the archive.
        table.AddColumn("size", "bigint").NotNull();
        table.AddColumn("sha256", "bytea").NotNull();
        table.AddColumn("events", "bigint").NotNull();
        table.AddColumn("kept", "boolean").NotNull().DefaultValueByExpression("false");
        return table;
    }
}
