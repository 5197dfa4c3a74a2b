using System.Text.Json;
using ChatCqrs.Testing;

namespace ChatCqrs.Acceptance.Server;

/// <summary>What outlives a server and is shared by its nodes: a database and a data folder of their own, and settings.</summary>
public sealed class Deployment : IAsyncDisposable
{
    private TestDatabase _database;

    private Deployment(TestDatabase database) => _database = database;

    public PostgresUri Postgres => _database.Uri;

    /// <summary>Where the server keeps what it generates in Development: keys.</summary>
    public string DataFolder { get; } = Directory.CreateTempSubdirectory("chatcqrs-data-").FullName;

    /// <summary>Further settings, in ASP.NET's form (<c>Section__Name</c>).</summary>
    public Dictionary<string, string> Settings { get; } = [];

    /// <summary>What is left of a conversation's log is unbroken; where it is in PostgreSQL, that is looked at.</summary>
    public async Task IsUnbrokenAsync(Guid conversation, long from = 0)
    {
        if (Surroundings.EventStore is not null) return;
        var chain = await StoredChain.OfAsync(Postgres.ForNpgsql(), $"conversation-{conversation}");
        Assert.True(chain.Broken is null && chain.Events > 0 && chain.First >= from, $"{chain}");
    }

    /// <summary>All that the database holds, and whatever the keys that are left make of it.</summary>
    public StoredBytes Stored() => new(
        Postgres.ForNpgsql(), JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(Path.Combine(DataFolder, "master-keys.json")))!);

    /// <summary>Backs PostgreSQL up as docs/operations.md says, while the server runs.</summary>
    /// <returns>The backup, in the data folder.</returns>
    public async Task<string> BackUpAsync()
    {
        var file = Path.Combine(DataFolder, "backup.dump");
        await Shell.RunAsync(PostgresServer.Find("pg_dump"), "-Fc", "-n", "chat", "-n", "hangfire", "-f", file, Postgres.Text);
        return file;
    }

    /// <summary>Takes an empty database instead of the one there was, and restores a backup into it. The data folder, with keys and media, stays.</summary>
    public async Task RestoreAsync(string backup)
    {
        var lost = _database;
        _database = await TestDatabase.CreateAsync(lost.Server);
        await lost.DisposeAsync();
        await Shell.RunAsync(PostgresServer.Find("pg_restore"), "--exit-on-error", "-d", Postgres.Text, backup);
    }

    /// <param name="postgres">The PostgreSQL to use; by default the one that the whole suite uses.</param>
    public static async Task<Deployment> CreateAsync(PostgresUri? postgres = null) => new(await TestDatabase.CreateAsync(postgres));

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(DataFolder, recursive: true);
    }
}
