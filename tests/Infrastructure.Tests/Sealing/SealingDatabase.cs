using System.Security.Cryptography;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Sealing;

/// <summary>A database with the table of secrets, and nodes with chosen master keys.</summary>
public sealed class SealingDatabase : IAsyncLifetime
{
    /// <summary>The two master keys of the tests.</summary>
    public static readonly string FirstKey = NewKey();
    public static readonly string SecondKey = NewKey();

    private TestDatabase? _database;
    private ServiceProvider? _services;

    public string ConnectionString => _database!.ConnectionString;

    public NpgsqlDataSource Source => _services!.GetRequiredService<NpgsqlDataSource>();

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgres(_database.ConnectionString).AddMartenStore();
        services.ConfigureMarten(SecretSchema.Register);
        _services = services.BuildServiceProvider();
        await _services.GetRequiredService<IDocumentStore>().Storage.ApplyAllConfiguredChangesToDatabaseAsync();
    }

    public async Task DisposeAsync()
    {
        await _services!.DisposeAsync();
        await _database!.DisposeAsync();
    }

    public Secrets Secrets(string? current = "first", params string[] keys) => Secrets(Source, current, keys);

    /// <summary>Secrets over a data source of the test.</summary>
    public static Secrets Secrets(NpgsqlDataSource source, string? current = "first", params string[] keys)
    {
        var known = keys.Length > 0 ? keys : ["first"];
        var options = new SealingOptions
        {
            CurrentKey = current,
            MasterKeys = known.ToDictionary(id => id, id => id == "first" ? FirstKey : SecondKey),
        };
        return new Secrets(source, Options.Create(options));
    }

    private static string NewKey() =>
        Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));

    public ContentSealer Sealer(TimeProvider? clock = null) => new(Secrets(), clock ?? TimeProvider.System);
}

/// <summary>A clock that only <see cref="GoOn"/> moves.</summary>
public sealed class ManualClock : TimeProvider
{
    private DateTimeOffset _now = new(2026, 12, 1, 12, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _now.Ticks;

    public void GoOn(TimeSpan by) => _now += by;
}
