using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Testing;

/// <summary>A database for one test class, dropped on disposal.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private const string Variable = "CHATCQRS_TEST_POSTGRES";

    private readonly NpgsqlConnectionStringBuilder _server;
    private readonly string _name;

    private TestDatabase(NpgsqlConnectionStringBuilder server, string name)
    {
        _server = server;
        _name = name;
        ConnectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            Database = name,
            MaxPoolSize = 30,
        }.ConnectionString;
    }

    /// <summary>Npgsql's connection string.</summary>
    public string ConnectionString { get; }

    public static async Task<TestDatabase> CreateAsync()
    {
        var uri = Environment.GetEnvironmentVariable(Variable)
            ?? throw new InvalidOperationException(
                $"{Variable} must name a PostgreSQL for test databases; ./test starts one.");
        var database = new TestDatabase(PostgresConnection.Parse(uri), $"test_{Guid.NewGuid():N}");
        await database.OnServerAsync($"CREATE DATABASE {database._name}");
        return database;
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await OnServerAsync($"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");
    }

    private async Task OnServerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(_server.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
