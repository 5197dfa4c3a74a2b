using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Retention;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>A server's read side: the runner and the queries, over a database and a log.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly IHost _host;

    private Node(IHost host) => _host = host;

    public IReadSide ReadSide => Get<IReadSide>();

    /// <param name="log">Null for the embedded log in the same database.</param>
    /// <param name="commandTimeout">How long statements may take that are given no time of their own, in seconds; null for what a server gives them.</param>
    public static async Task<Node> StartAsync(TestDatabase database, IEventStore? log, int? commandTimeout = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddPostgres(database.ConnectionString).AddMartenStore();
        _ = log is null ? builder.Services.AddPostgresEventStore() : builder.Services.AddSingleton(log);
        builder.Services.AddSingleton<IEventCodec, EventCodec>().AddSingleton(TimeProvider.System).AddReadModels().AddRetention();
        var node = new Node(builder.Build());
        if (commandTimeout is { } seconds)
            node.Get<NpgsqlConnectionStringBuilder>().CommandTimeout = seconds;
        await node._host.StartAsync();
        return node;
    }

    public T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>Waits for the views, also through connections of the pool that the database has ended: each is found out by using it once.</summary>
    public async Task CaughtUpAsync(LogPosition position)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                Assert.True(await ReadSide.WaitForAsync(position, Eventually.Deadline, CancellationToken.None), $"The views did not reach {position}.");
                return;
            }
            catch (StoreUnavailableException) when (Stopwatch.GetElapsedTime(started) < Eventually.Deadline)
            {
                // The next connection, or a new one.
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
