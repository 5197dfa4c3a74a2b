namespace ChatCqrs.Acceptance.Server;

/// <summary>An empty database, dropped on disposal.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private static readonly SemaphoreSlim Starting = new(1, 1);
    private static PostgresServer? _shared;

    private readonly string _name = $"acceptance_{Guid.NewGuid():n}";

    private TestDatabase(PostgresUri server) => Server = server;

    public PostgresUri Server { get; }

    public PostgresUri Uri => Server.Database(_name);

    /// <param name="server">The PostgreSQL to use; by default the environment's, or one that the suite starts.</param>
    public static async Task<TestDatabase> CreateAsync(PostgresUri? server = null)
    {
        var database = new TestDatabase(server ?? await SharedServerAsync());
        await database.Server.ExecuteAsync($"CREATE DATABASE {database._name}");
        return database;
    }

    public async ValueTask DisposeAsync() => await Server.ExecuteAsync($"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");

    private static async Task<PostgresUri> SharedServerAsync()
    {
        if (Surroundings.Postgres is { } given) return new PostgresUri(given);
        await Starting.WaitAsync();
        try
        {
            _shared ??= await PostgresServer.StartAsync();
            return _shared.Uri;
        }
        finally
        {
            Starting.Release();
        }
    }
}
