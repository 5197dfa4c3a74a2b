using System.Net;
using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Postgres;

/// <summary>A start waits for PostgreSQL and for other nodes, logs that, and fails with one sentence.</summary>
public sealed class SchemaUpkeepTests : IAsyncLifetime
{
    private readonly Told _told = new();
    private TestDatabase? _database;

    public async Task InitializeAsync() => _database = await TestDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        await _database!.DisposeAsync();
        _told.Dispose();
    }

    [Fact]
    public async Task A_database_that_comes_late_is_waited_for()
    {
        var real = new NpgsqlConnectionStringBuilder(_database!.ConnectionString);
        using var door = new TcpListener(IPAddress.Loopback, 0);
        door.Start();
        var port = ((IPEndPoint)door.LocalEndpoint).Port;
        door.Stop();
        var database = new NpgsqlConnectionStringBuilder(_database.ConnectionString)
        {
            Host = "127.0.0.1",
            Port = port,
        };
        using var node = Node(database, wait: Eventually.Deadline);

        var starting = node.StartAsync();
        await LogsAsync("Waiting for PostgreSQL");
        Assert.False(starting.IsCompleted);
        using var opened = new TcpListener(IPAddress.Loopback, port);
        opened.Start();
        using var closed = new CancellationTokenSource();
        var passing = PassAsync(opened, real, closed.Token);
        await starting.WaitAsync(Eventually.Deadline);

        Assert.Contains(
            _told.Lines, line => line.StartsWith("The database's schema is up to date", StringComparison.Ordinal));
        await node.StopAsync();
        await closed.CancelAsync();
        await passing;
    }

    [Fact]
    public async Task A_database_that_does_not_come_ends_the_start_with_a_sentence()
    {
        var nowhere = new NpgsqlConnectionStringBuilder("Host=127.0.0.1;Port=1;Username=nobody");
        using var node = Node(nowhere, wait: TimeSpan.FromSeconds(1));

        var exception = await Assert.ThrowsAsync<StoreUnavailableException>(() => node.StartAsync());

        Assert.StartsWith("PostgreSQL cannot be used: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_is_not_there_is_not_waited_for()
    {
        var nowhere = new NpgsqlConnectionStringBuilder(_database!.ConnectionString) { Database = "nowhere" };
        using var node = Node(nowhere, wait: TimeSpan.FromHours(1));

        var exception = await Assert.ThrowsAsync<StoreUnavailableException>(() => node.StartAsync());

        Assert.Contains("ConnectionStrings:Postgres", exception.Message, StringComparison.Ordinal);
        Assert.Contains("nowhere", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_that_works_on_the_schema_is_waited_for()
    {
        await using var other = new NpgsqlConnection(_database!.ConnectionString);
        await other.OpenAsync();
        await using (var command = new NpgsqlCommand("SELECT pg_advisory_lock(x'436861745363686d'::bigint)", other))
            await command.ExecuteNonQueryAsync();
        using var node = Node(new NpgsqlConnectionStringBuilder(_database.ConnectionString), wait: Eventually.Deadline);

        var starting = node.StartAsync();
        await LogsAsync("Another node");
        Assert.False(starting.IsCompleted);
        await other.CloseAsync();
        NpgsqlConnection.ClearPool(other);

        await starting.WaitAsync(Eventually.Deadline);
        await node.StopAsync();
    }

    private Task LogsAsync(string start) => Eventually.IsTrue(
        () => _told.Lines.Any(line => line.StartsWith(start, StringComparison.Ordinal)), $"it logs '{start}'");

    private IHost Node(NpgsqlConnectionStringBuilder database, TimeSpan wait)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddProvider(_told);
        builder.Services.AddPostgres(database.ConnectionString).AddMartenStore().AddPostgresEventStore();
        builder.Services.AddSingleton(
            Microsoft.Extensions.Options.Options.Create(new StartupOptions { DatabaseWait = wait }));
        return builder.Build();
    }

    /// <summary>Forwards every connection to the real server.</summary>
    private static async Task PassAsync(
        TcpListener door, NpgsqlConnectionStringBuilder server, CancellationToken closed)
    {
        var passing = new List<Task>();
        try
        {
            while (true)
                passing.Add(PassAsync(await door.AcceptTcpClientAsync(closed), server, closed));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(passing);
        }
    }

    private static async Task PassAsync(
        TcpClient client, NpgsqlConnectionStringBuilder server, CancellationToken closed)
    {
        using var _ = client;
        using var target = new TcpClient();
        await target.ConnectAsync(server.Host!, server.Port, closed);
        var (near, far) = (client.GetStream(), target.GetStream());
        await Task.WhenAny(near.CopyToAsync(far, closed), far.CopyToAsync(near, closed));
    }

    /// <summary>The log lines of the nodes.</summary>
    private sealed class Told : ILoggerProvider, ILogger
    {
        private readonly Lock _lock = new();
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lock)
                    return [.. _lines];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            lock (_lock)
                _lines.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
