using Marten;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// The tables of the verifiable logs. They are not read models: they are backed up, and never rebuilt. A row of a log's
/// entries or hashes never changes.
/// </summary>
internal static class AuditSchema
{
    public const string Logs = "audit_logs";
    public const string Entries = "audit_entries";
    public const string Hashes = "audit_hashes";
    public const string Checkpoints = "audit_checkpoints";
    public const string Batches = "audit_batches";
    public const string Verification = "audit_verification";
    public const string Salts = "audit_salts";

    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(LogTable(schema));
        options.Storage.ExtendedSchemaObjects.Add(EntryTable(schema));
        options.Storage.ExtendedSchemaObjects.Add(HashTable(schema));
        options.Storage.ExtendedSchemaObjects.Add(CheckpointTable(schema));
        options.Storage.ExtendedSchemaObjects.Add(BatchTable(schema));
        options.Storage.ExtendedSchemaObjects.Add(VerificationTable(schema));
        options.Storage.ExtendedSchemaObjects.Add(SaltTable(schema));
    }

    /// <summary>
    /// Stores the columns of a batch uncompressed, so that <c>substring()</c> reads a slice and not the whole value
    /// (PostgreSQL 15 documentation, section 73.2.1). Marten's migration cannot say so.
    /// </summary>
    public static async Task StoreExternallyAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            DO $$ BEGIN
            IF EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = '{Batches}'::regclass AND attname IN ('openings', 'tiles') AND attstorage <> 'e') THEN
                ALTER TABLE {Batches} ALTER COLUMN openings SET STORAGE EXTERNAL, ALTER COLUMN tiles SET STORAGE EXTERNAL;
            END IF;
            END $$
            """);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>One row a log. An append compares <c>size</c> and sets it, which fences other leaders off.</summary>
    private static Table LogTable(string schema)
    {
        var table = new Table($"{schema}.{Logs}");
        table.AddColumn("log", "text").AsPrimaryKey();
        table.AddColumn("origin", "text").NotNull();
        table.AddColumn("vkey", "text").NotNull(); // Who signs it now.
        table.AddColumn("size", "bigint").NotNull();
        table.AddColumn("next_vkey", "text"); // Who is to follow it: see KeyRotation.
        table.AddColumn("next_entry", "bigint"); // The entry that names that key.
        return table;
    }

    private static Table EntryTable(string schema)
    {
        var table = new Table($"{schema}.{Entries}");
        table.AddColumn("log", "text").AsPrimaryKey();
        table.AddColumn("index", "bigint").AsPrimaryKey();
        table.AddColumn("entry", "bytea").NotNull();
        return table;
    }

    /// <summary>The hashes of tiles: level 0 has one for each entry, level 1 one for each 256 entries.</summary>
    private static Table HashTable(string schema)
    {
        var table = new Table($"{schema}.{Hashes}");
        table.AddColumn("log", "text").AsPrimaryKey();
        table.AddColumn("level", "integer").AsPrimaryKey();
        table.AddColumn("index", "bigint").AsPrimaryKey();
        table.AddColumn("hash", "bytea").NotNull();
        return table;
    }

    private static Table CheckpointTable(string schema)
    {
        var table = new Table($"{schema}.{Checkpoints}");
        table.AddColumn("log", "text").AsPrimaryKey();
        table.AddColumn("size", "bigint").AsPrimaryKey();
        table.AddColumn("root", "bytea").NotNull();
        table.AddColumn("time", "timestamptz").NotNull(); // Of the last entry.
        table.AddColumn("note", "text").NotNull();
        table.AddColumn("published", "boolean").NotNull();
        table.AddColumn("handover", "boolean").NotNull().DefaultValueByExpression("false"); // Never deleted.
        return table;
    }

    /// <summary>At most one row: how often the secret of a stream's salts was shredded.</summary>
    private static Table SaltTable(string schema)
    {
        var table = new Table($"{schema}.{Salts}");
        table.AddColumn("id", "smallint").AsPrimaryKey();
        table.AddColumn("shreddings", "bigint").NotNull();
        return table;
    }

    private static Table BatchTable(string schema)
    {
        var table = new Table($"{schema}.{Batches}");
        table.AddColumn("number", "bigint").AsPrimaryKey();
        table.AddColumn("entry", "bigint").NotNull(); // Its entry's index in the log of heads.
        table.AddColumn("time", "timestamptz").NotNull();
        table.AddColumn("position", "numeric(20,0)").NotNull(); // The event log's, up to which it covers the streams.
        table.AddColumn("moved_from", "numeric(20,0)"); // That of its entry, if the events have moved since.
        table.AddColumn("heads", "bigint").NotNull();
        table.AddColumn("openings", "bytea"); // See Opening; null once its heads are not kept any more.
        table.AddColumn("tiles", "bytea"); // See BatchTree; null with the openings.
        table.AddColumn("carried_to", "bigint"); // The batch that has its heads once they are not kept here.
        table.Indexes.Add(new IndexDefinition("audit_batches_position").AgainstColumns("position"));
        table.Indexes.Add(
            new IndexDefinition("audit_batches_kept") { Predicate = "openings IS NOT NULL" }.AgainstColumns("time"));
        return table;
    }

    /// <summary>At most one row: how far the comparison of batches with the event log has come.</summary>
    private static Table VerificationTable(string schema)
    {
        var table = new Table($"{schema}.{Verification}");
        table.AddColumn("id", "integer").AsPrimaryKey(); // 1.
        table.AddColumn("started_at", "timestamptz").NotNull();
        table.AddColumn("first", "bigint").NotNull();
        table.AddColumn("checked", "bigint").NotNull();
        table.AddColumn("through", "bigint").NotNull();
        table.AddColumn("differing", "bigint[]").NotNull();
        table.AddColumn("finished", "boolean").NotNull();
        return table;
    }
}
