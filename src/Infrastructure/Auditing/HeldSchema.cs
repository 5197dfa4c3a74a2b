using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// The tables of what holds keep. Not a read model: backed up with the secrets, and never rebuilt. The keys themselves
/// are rows of the secrets' table, so that they are wrapped anew like all others.
/// </summary>
internal static class HeldSchema
{
    public const string Scopes = "held_scopes";
    public const string Progress = "held_progress";
    public const string Keys = "held_keys";
    public const string Files = "held_files";
    public const string Erasures = "held_erasures";

    /// <summary>A condition on a row <c>f</c> of files: no hold keeps it.</summary>
    public const string IsNotHeld = $"NOT EXISTS (SELECT FROM {Files} h WHERE h.file_id = f.file_id)";

    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        var scopes = new Table($"{schema}.{Scopes}");
        scopes.AddColumn("hold_id", "uuid").AsPrimaryKey();
        scopes.AddColumn("conversations", "uuid[]").NotNull();
        scopes.AddColumn("users", "uuid[]").NotNull();
        scopes.AddColumn("from_at", "timestamptz");
        scopes.AddColumn("to_at", "timestamptz");
        scopes.AddColumn("placed_at", "timestamptz").NotNull();

        var progress = new Table($"{schema}.{Progress}");
        progress.AddColumn("hold_id", "uuid").AsPrimaryKey();
        progress.AddColumn("conversation_id", "uuid").AsPrimaryKey();
        progress.AddColumn("next_seq", "bigint").NotNull(); // The first entry that was not looked at.

        var keys = new Table($"{schema}.{Keys}");
        keys.AddColumn("name", "text").AsPrimaryKey(); // Of the secret.
        keys.AddColumn("hold_id", "uuid").NotNull();
        keys.AddColumn("owner", "uuid").NotNull();
        keys.Indexes.Add(new IndexDefinition("held_keys_owner").AgainstColumns("owner", "hold_id"));
        keys.Indexes.Add(new IndexDefinition("held_keys_hold").AgainstColumns("hold_id"));

        var files = new Table($"{schema}.{Files}");
        files.AddColumn("file_id", "uuid").AsPrimaryKey();
        files.AddColumn("hold_id", "uuid").AsPrimaryKey();
        files.Indexes.Add(new IndexDefinition("held_files_hold").AgainstColumns("hold_id"));

        var erasures = new Table($"{schema}.{Erasures}");
        erasures.AddColumn("hold_id", "uuid").AsPrimaryKey();
        erasures.AddColumn("user_id", "uuid").AsPrimaryKey();

        foreach (var table in new[] { scopes, progress, keys, files, erasures })
            options.Storage.ExtendedSchemaObjects.Add(table);
    }
}
