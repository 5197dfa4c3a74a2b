using System.Security.Cryptography;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Npgsql;

namespace ChatCqrs.LogAppend;

/// <summary>A new database on the measured server, dropped on disposal.</summary>
internal sealed class BenchDatabase : IAsyncDisposable
{
    private readonly NpgsqlDataSource _maintenance;
    private readonly ServiceProvider _services;

    private BenchDatabase(NpgsqlDataSource maintenance, NpgsqlConnectionStringBuilder connection, int postmaster)
    {
        _maintenance = maintenance;
        Connection = connection;
        Postmaster = postmaster;
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddPostgres(connection.ConnectionString).AddMartenStore().AddPostgresEventStore();
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Sealing:MasterKeys:bench", key)]).Build();
        var environment = new HostingEnvironment { EnvironmentName = Environments.Production };
        services.AddSealing(configuration, environment, dataFolder: "");
        services.ConfigureMarten(AuditSchema.Register);
        _services = services.BuildServiceProvider();
    }

    public NpgsqlConnectionStringBuilder Connection { get; }

    /// <summary>The process id of the server; 0 if it runs on another machine.</summary>
    public int Postmaster { get; }

    public IDocumentStore Documents => _services.GetRequiredService<IDocumentStore>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public static async Task<BenchDatabase> CreateAsync(string connectionString)
    {
        var connection = PostgresConnection.Parse(connectionString);
        var maintenance = NpgsqlDataSource.Create(connection);
        var name = $"log_append_{Environment.ProcessId}";
        await using (var create = maintenance.CreateCommand($"CREATE DATABASE {name}"))
            await create.ExecuteNonQueryAsync();
        await using var pid = maintenance.CreateCommand("SELECT pg_backend_pid()");
        var backend = (int)(await pid.ExecuteScalarAsync())!;
        var own = new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Database = name };
        var created = new BenchDatabase(maintenance, own, ProcessTimes.ParentOf(backend));
        await created.Documents.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        return created;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
        await using (var drop = _maintenance.CreateCommand($"DROP DATABASE {Connection.Database} WITH (FORCE)"))
            await drop.ExecuteNonQueryAsync();
        await _maintenance.DisposeAsync();
    }
}
