using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The table of wrapped secrets. A table, not documents: rewrapping needs a condition in its statement, that the secret
/// was not shredded meanwhile.
/// </summary>
internal static class SecretSchema
{
    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.secrets");
        table.AddColumn("name", "text").AsPrimaryKey();
        table.AddColumn("key_id", "text").NotNull(); // The master key that wraps the secret; empty once shredded.
        table.AddColumn("wrapped", "bytea"); // Nonce, ciphertext and tag; null once shredded.
        table.AddColumn("ends_at", "timestamptz"); // The end of a bucket; null for other secrets, and once shredded.
        table.Indexes.Add(
            new IndexDefinition("secrets_due") { Predicate = "ends_at IS NOT NULL" }.AgainstColumns("ends_at"));
        options.Storage.ExtendedSchemaObjects.Add(table);
    }
}
