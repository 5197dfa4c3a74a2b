using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace ChatCqrs.Contracts.Postgres;

public sealed class PostgresEventStoreContract(PostgresFixture fixture) : EventStoreContract<PostgresFixture>(fixture);

/// <summary>A temporary database on the server in <c>CHATCQRS_TEST_POSTGRES</c>.</summary>
public sealed class PostgresFixture : IEventStoreFixture
{
    private const string Variable = "CHATCQRS_TEST_POSTGRES";

    private readonly string? _server = Environment.GetEnvironmentVariable(Variable);
    private readonly string _database = $"contract_{Guid.NewGuid():N}";
    private IHost? _host;

    public string? Missing => _server is null ? $"{Variable} names no PostgreSQL." : null;

    public IEventStore Store => _host!.Services.GetRequiredService<IEventStore>();

    public async Task InitializeAsync()
    {
        if (_server is null)
            return;
        await ExecuteAsync($"CREATE DATABASE {_database}");
        var connection = PostgresConnection.Parse(_server);
        connection.Database = _database;
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddPostgres(connection.ConnectionString).AddMartenStore().AddPostgresEventStore();
        _host = builder.Build();
        await _host.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (_host is null)
            return;
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
        await ExecuteAsync($"DROP DATABASE {_database} WITH (FORCE)");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(PostgresConnection.Parse(_server!));
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
