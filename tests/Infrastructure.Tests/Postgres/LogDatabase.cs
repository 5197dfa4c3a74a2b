using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

/// <summary>A database with the log's tables, and nodes that share it.</summary>
public sealed class LogDatabase : IAsyncLifetime
{
    private readonly List<ServiceProvider> _nodes = [];
    private TestDatabase? _database;

    public string ConnectionString => _database!.ConnectionString;

    /// <summary>A data source for the test's own statements.</summary>
    public NpgsqlDataSource Source { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        Source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(ConnectionString) { SearchPath = PostgresRegistration.Schema });
        await Node().GetRequiredService<IDocumentStore>().Storage.ApplyAllConfiguredChangesToDatabaseAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        await Source.DisposeAsync();
        await _database!.DisposeAsync();
    }

    /// <summary>The log of one more node.</summary>
    public IEventStore Store() => Node().GetRequiredService<IEventStore>();

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public Task ExecuteAsync(string sql) => ScalarAsync<object?>(sql);

    /// <summary>Calls <c>log_append</c> in an open transaction, like a writer that commits late.</summary>
    public async Task<OpenAppend> AppendAndWaitAsync(string stream)
    {
        var connection = await Source.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT "position" FROM chat.log_append(
                ARRAY[$1], ARRAY[-1], ARRAY[1], ARRAY[1], ARRAY[0], ARRAY[$2], ARRAY['late.v1'], ARRAY['{}'::bytea],
                ARRAY['{}'::bytea])
            """,
            connection, transaction);
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = Guid.NewGuid() });
        var position = (long)(await command.ExecuteScalarAsync())!;
        return new OpenAppend(connection, transaction, position);
    }

    private ServiceProvider Node()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgres(ConnectionString).AddMartenStore().AddPostgresEventStore();
        var node = services.BuildServiceProvider();
        _nodes.Add(node);
        return node;
    }
}

/// <summary>An uncommitted append.</summary>
public sealed record OpenAppend(NpgsqlConnection Connection, NpgsqlTransaction Transaction, long Position)
    : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await Transaction.DisposeAsync();
        await Connection.DisposeAsync();
    }
}
