using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>
/// Tables that all nodes share for immediate decisions: registrations, phone owners, device sessions, device links,
/// counts of codes, pending erasures.
/// See docs/adr/0020-accounts-in-tables.md.
/// </summary>
internal static class AccountSchema
{
    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Registrations(schema));
        options.Storage.ExtendedSchemaObjects.Add(Phones(schema));
        options.Storage.ExtendedSchemaObjects.Add(DeviceSessions(schema));
        options.Storage.ExtendedSchemaObjects.Add(DeviceLinks(schema));
        options.Storage.ExtendedSchemaObjects.Add(Erasures(schema));
        options.Storage.ExtendedSchemaObjects.Add(CodeCounts(schema));
    }

    private static Table Registrations(string schema)
    {
        var table = new Table($"{schema}.registrations");
        table.AddColumn("id", "uuid").AsPrimaryKey();
        table.AddColumn("phone", "bytea").NotNull();
        table.AddColumn("user_id", "uuid").NotNull();
        table.AddColumn("device_id", "uuid").NotNull();
        table.AddColumn("content", "bytea").NotNull();
        table.AddColumn("bucket", "text");
        table.AddColumn("code", "bytea").NotNull();
        table.AddColumn("attempts", "integer").NotNull().DefaultValueByExpression("0");
        table.AddColumn("created_at", "timestamptz").NotNull();
        table.AddColumn("expires_at", "timestamptz").NotNull();
        table.AddColumn("completed_at", "timestamptz");
        table.AddColumn("ended_at", "timestamptz"); // By a newer code to the same phone.
        table.AddColumn("device", "bytea");
        table.AddColumn("address", "bytea");
        table.AddColumn("origin", "smallint").NotNull().DefaultValueByExpression("0");
        table.Indexes.Add(new IndexDefinition("registrations_phone").AgainstColumns("phone", "created_at"));
        table.Indexes.Add(new IndexDefinition("registrations_created").AgainstColumns("created_at"));
        return table;
    }

    private static Table Phones(string schema)
    {
        var table = new Table($"{schema}.phones");
        table.AddColumn("phone", "bytea").AsPrimaryKey();
        table.AddColumn("user_id", "uuid").NotNull();
        table.AddColumn("claimed_at", "timestamptz").NotNull();
        table.AddColumn("registered", "boolean").NotNull().DefaultValueByExpression("false");
        table.Indexes.Add(new IndexDefinition("phones_user") { IsUnique = true }.AgainstColumns("user_id"));
        return table;
    }

    private static Table DeviceSessions(string schema)
    {
        var table = new Table($"{schema}.device_sessions");
        table.AddColumn("device_id", "uuid").AsPrimaryKey();
        table.AddColumn("user_id", "uuid").NotNull();
        table.AddColumn("refresh_hash", "bytea").NotNull();
        table.AddColumn("refresh_expires_at", "timestamptz").NotNull();
        table.AddColumn("generation", "bigint").NotNull().DefaultValueByExpression("0"); // Of the newest tokens.
        table.AddColumn("used_generation", "bigint").NotNull().DefaultValueByExpression("-1");
        table.AddColumn("created_at", "timestamptz").NotNull();
        table.AddColumn("last_seen", "timestamptz").NotNull();
        table.AddColumn("revoked_at", "timestamptz");
        table.AddColumn("address", "bytea");
        table.Indexes.Add(new IndexDefinition("device_sessions_user").AgainstColumns("user_id"));
        table.Indexes.Add(new IndexDefinition("device_sessions_revoked").AgainstColumns("revoked_at"));
        return table;
    }

    private static Table DeviceLinks(string schema)
    {
        var table = new Table($"{schema}.device_links");
        table.AddColumn("id", "uuid").AsPrimaryKey();
        table.AddColumn("secret_hash", "bytea").NotNull();
        table.AddColumn("device_id", "uuid").NotNull();
        table.AddColumn("content", "bytea").NotNull();
        table.AddColumn("bucket", "text");
        table.AddColumn("address", "bytea").NotNull();
        table.AddColumn("created_at", "timestamptz").NotNull();
        table.AddColumn("expires_at", "timestamptz").NotNull();
        table.AddColumn("user_id", "uuid"); // Who approves or has refused it, and on which device.
        table.AddColumn("by_device", "uuid");
        table.AddColumn("proof", "bytea");
        table.AddColumn("payload", "bytea");
        table.AddColumn("settled_at", "timestamptz");
        table.AddColumn("refused", "boolean").NotNull().DefaultValueByExpression("false");
        table.AddColumn("refresh_hash", "bytea"); // The sign-in's first refresh token.
        table.AddColumn("answer", "bytea");
        table.AddColumn("answer_bucket", "text");
        table.Indexes.Add(new IndexDefinition("device_links_expires").AgainstColumns("expires_at"));
        table.Indexes.Add(new IndexDefinition("device_links_user").AgainstColumns("user_id"));
        return table;
    }

    /// <summary>How many codes went to each country in each hour; the total has no country.</summary>
    private static Table CodeCounts(string schema)
    {
        var table = new Table($"{schema}.code_counts");
        table.AddColumn("country", "text").AsPrimaryKey();
        table.AddColumn("hour", "timestamptz").AsPrimaryKey();
        table.AddColumn("codes", "integer").NotNull();
        return table;
    }

    /// <summary>Erasures that have not finished yet.</summary>
    private static Table Erasures(string schema)
    {
        var table = new Table($"{schema}.erasures");
        table.AddColumn("user_id", "uuid").AsPrimaryKey();
        table.AddColumn("requested_at", "timestamptz").NotNull();
        return table;
    }
}
