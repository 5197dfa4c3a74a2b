using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Media;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Retention;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>A node's read side: the projection runner and the queries, over a database and a log.</summary>
internal sealed class Node : IAsyncDisposable
{
    private static readonly DatabaseTemplate Tables = new(PrepareAsync);

    private readonly IHost _host;

    private Node(IHost host) => _host = host;

    public IReadSide ReadSide => Get<IReadSide>();

    /// <summary>The views in use.</summary>
    /// <param name="epoch">That of the leader who folds.</param>
    public ReadModelTarget Live(long epoch) => new(
        Get<IDocumentStore>(), Get<ReadModelDatabase>().Source,
        new StreamFacts(Get<IEventStore>(), Get<IEventCodec>()), IsRebuild: false, epoch);

    /// <param name="log">Null for the log in the same database.</param>
    /// <param name="commandTimeout">The default timeout of statements in seconds; null for the server's.</param>
    /// <param name="add">Services that replace others; null for none.</param>
    public static async Task<Node> StartAsync(
        TestDatabase database, IEventStore? log, int? commandTimeout = null, Action<IServiceCollection>? add = null)
    {
        var node = Build(database.ConnectionString, log, add);
        if (commandTimeout is { } seconds)
            node.Get<NpgsqlConnectionStringBuilder>().CommandTimeout = seconds;
        await node._host.StartAsync();
        return node;
    }

    /// <summary>The queries alone: nothing is started, and nothing folded.</summary>
    public static Node WithoutRunner(TestDatabase database, IEventStore log) =>
        Build(database.ConnectionString, log);

    /// <summary>A database with a node's tables.</summary>
    public static Task<TestDatabase> DatabaseAsync() => Tables.CopyAsync();

    private static Node Build(string database, IEventStore? log, Action<IServiceCollection>? add = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddPostgres(database).AddMartenStore();
        _ = log is null ? builder.Services.AddPostgresEventStore() : builder.Services.AddSingleton(log);
        builder.Services
            .AddSingleton<IEventCodec, EventCodec>()
            .AddSingleton(TimeProvider.System)
            .AddReadModels()
            .AddRetention();
        builder.Services.ConfigureMarten(AccountSchema.Register); // The directory asks for erasures in its tables.
        builder.Services.ConfigureMarten(MediaSchema.Register); // Whose a file is stands in them.
        builder.Services.ConfigureMarten(HeldSchema.Register);
        add?.Invoke(builder.Services);
        return new Node(builder.Build());
    }

    private static async Task PrepareAsync(string database)
    {
        await using var node = Build(database, log: null);
        await node._host.Services.GetServices<IHostedService>().OfType<SchemaUpkeep>().Single().StartAsync(default);
    }

    public T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>
    /// Waits for the views to reach a position. Pooled connections that the database has closed fail at their next use,
    /// so the wait is retried.
    /// </summary>
    public async Task CaughtUpAsync(LogPosition position)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                Assert.True(
                    await ReadSide.WaitForAsync(position, Eventually.Deadline, CancellationToken.None),
                    $"The views did not reach {position}.");
                return;
            }
            catch (StoreUnavailableException) when (Stopwatch.GetElapsedTime(started) < Eventually.Deadline)
            {
                // Retry with another connection.
            }
        }
    }

    public async Task<string> StateAsync(string name = "inbox") =>
        (await Get<IProjections>().StatesAsync(CancellationToken.None)).Single(state => state.Name == name).State;

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }
}
