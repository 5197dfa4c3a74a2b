using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// The statements behind the entries of the log of keys. Not a read model: backed up with the logs, and never rebuilt.
/// </summary>
internal static class DeviceListSchema
{
    public const string Statements = "audit_statements";

    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.{Statements}");
        table.AddColumn("label", "bytea").AsPrimaryKey(); // Stands for the user, as in the entry.
        table.AddColumn("version", "bigint").AsPrimaryKey();
        table.AddColumn("entry", "bigint").NotNull(); // Its place in the log of keys.
        table.AddColumn("leaf", "bytea").NotNull(); // Of the entry.
        table.AddColumn("hash", "bytea").NotNull(); // SHA-256 of the statement, which the entry has.
        table.AddColumn("statement", "bytea"); // Null once the user is erased, and while it is lost.
        table.AddColumn("lost", "boolean").NotNull(); // A restore brought the entry back without it.
        options.Storage.ExtendedSchemaObjects.Add(table);
    }
}
