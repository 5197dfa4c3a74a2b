using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// The secrets, wrapped. A table and not a document: a secret must be wrapped anew only where it was not shredded meanwhile, which is one condition in one
/// statement here.
/// </summary>
internal static class SecretSchema
{
    public static void Register(StoreOptions options)
    {
        var table = new Table($"{options.DatabaseSchemaName}.secrets");
        table.AddColumn("name", "text").AsPrimaryKey();
        table.AddColumn("key_id", "text").NotNull(); // The master key it is wrapped under.
        table.AddColumn("wrapped", "bytea"); // Nonce, ciphertext and tag; null once it is shredded.
        table.AddColumn("ends_at", "timestamptz"); // When a bucket's secret is due to be shredded; null for others, and once it is.
        table.Indexes.Add(new IndexDefinition("secrets_due") { Predicate = "ends_at IS NOT NULL" }.AgainstColumns("ends_at"));
        options.Storage.ExtendedSchemaObjects.Add(table);
    }
}
