using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using JasperFx;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

/// <summary>A database with the account tables.</summary>
public sealed class AccountsDatabase : IAsyncLifetime
{
    private TestDatabase? _database;
    private ServiceProvider? _services;

    public NpgsqlDataSource Source => _services!.GetRequiredService<NpgsqlDataSource>();

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgres(_database.ConnectionString).AddMartenStore();
        services.ConfigureMarten(AccountSchema.Register);
        _services = services.BuildServiceProvider();
        await UpgradeAsync();
    }

    /// <summary>Brings the tables up to date, as a start does.</summary>
    public Task UpgradeAsync() => _services!.GetRequiredService<IDocumentStore>().Storage
        .ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate);

    public async Task DisposeAsync()
    {
        await _services!.DisposeAsync();
        await _database!.DisposeAsync();
    }

    internal PostgresRegistrations Registrations() => new(Source, TimeProvider.System);

    /// <summary>The device sessions of one node.</summary>
    internal PostgresDeviceSessions Sessions(TimeProvider? clock = null) =>
        new(Source, clock ?? TimeProvider.System);
}
