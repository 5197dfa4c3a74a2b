using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>Gives each test its own database and a log in memory.</summary>
public abstract class ProjectingTest : IAsyncLifetime
{
    private TestDatabase? _database;
    private Views? _views;

    internal InMemoryEventStore Log { get; } = new();

    internal TestDatabase Database => _database!;

    internal Views Views => _views!;

    public async Task InitializeAsync()
    {
        _database = await Node.DatabaseAsync();
        _views = new Views(_database);
    }

    public async Task DisposeAsync()
    {
        await Views.DisposeAsync();
        await Database.DisposeAsync();
    }

    private protected Task<Node> StartNodeAsync() => Node.StartAsync(Database, Log);

    /// <summary>The expected views after a history: those of an undisturbed runner over the same log.</summary>
    private protected async Task<IReadOnlyList<string>> UndisturbedAsync(History history)
    {
        await using var database = await Node.DatabaseAsync();
        await using var views = new Views(database);
        await using var node = await Node.StartAsync(database, Log);
        await node.CaughtUpAsync(history.Head);
        return await views.DumpAsync();
    }
}
