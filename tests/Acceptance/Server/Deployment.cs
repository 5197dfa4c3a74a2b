using System.Text.Json;
using ChatCqrs.Testing;

namespace ChatCqrs.Acceptance.Server;

/// <summary>A database, a data folder and settings that outlive a server and that its nodes share.</summary>
public sealed class Deployment : IAsyncDisposable
{
    private TestDatabase _database;

    private Deployment(TestDatabase database) => _database = database;

    public PostgresUri Postgres => _database.Uri;

    /// <summary>The folder of generated keys and of media.</summary>
    public string DataFolder { get; } = Directory.CreateTempSubdirectory("chatcqrs-data-").FullName;

    /// <summary>Further settings, in ASP.NET's form (<c>Section__Name</c>).</summary>
    public Dictionary<string, string> Settings { get; } = [];

    /// <summary>
    /// Asserts an unbroken hash chain in the rest of a conversation's log, if the log is in PostgreSQL.
    /// </summary>
    public async Task IsUnbrokenAsync(Guid conversation, long from = 0)
    {
        if (Surroundings.EventStore is not null) return;
        var chain = await StoredChain.OfAsync(Postgres.ForNpgsql(), $"conversation-{conversation}");
        Assert.True(chain.Broken is null && chain.Events > 0 && chain.First >= from, $"{chain}");
    }

    /// <summary>All bytes in the database, and those that the remaining keys open.</summary>
    public StoredBytes Stored()
    {
        var keys = File.ReadAllText(Path.Combine(DataFolder, "master-keys.json"));
        return new StoredBytes(Postgres.ForNpgsql(), JsonSerializer.Deserialize<Dictionary<string, string>>(keys)!);
    }

    /// <summary>Backs PostgreSQL up as docs/operations.md describes, while the server runs.</summary>
    /// <returns>The path of the backup, in the data folder.</returns>
    public async Task<string> BackUpAsync()
    {
        var file = Path.Combine(DataFolder, "backup.dump");
        await Shell.RunAsync(
            PostgresServer.Find("pg_dump"), "-Fc", "-n", "chat", "-n", "hangfire", "-f", file, Postgres.Text);
        return file;
    }

    /// <summary>Replaces the database by an empty one and restores a backup into it. Keys and media stay.</summary>
    public async Task RestoreAsync(string backup)
    {
        var lost = _database;
        _database = await TestDatabase.CreateAsync(lost.Server);
        await lost.DisposeAsync();
        await Shell.RunAsync(PostgresServer.Find("pg_restore"), "--exit-on-error", "-d", Postgres.Text, backup);
    }

    /// <param name="postgres">The PostgreSQL to use; by default the suite's.</param>
    public static async Task<Deployment> CreateAsync(PostgresUri? postgres = null) =>
        new(await TestDatabase.CreateAsync(postgres));

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(DataFolder, recursive: true);
    }
}
