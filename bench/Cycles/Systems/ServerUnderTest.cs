using System.Globalization;
using System.Net;
using ChatCqrs.Bench.Measuring;

namespace ChatCqrs.Bench.Systems;

/// <summary>A server that speaks the wire contract, and the processes that do its work.</summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private readonly Child? _child;

    private ServerUnderTest(Uri url, Child? child, string? postgres, int postgresProcess, int eventStoreProcess)
    {
        (Url, _child) = (url, child);
        (Postgres, PostgresProcess, EventStoreProcess) = (postgres, postgresProcess, eventStoreProcess);
        Process = ProcFs.ListenerOn(url.Port);
    }

    public Uri Url { get; }

    public IPEndPoint EndPoint => new(IPAddress.Loopback, Url.Port);

    public int Process { get; }

    /// <summary>Npgsql's connection string of the server's PostgreSQL; null if there is none.</summary>
    public string? Postgres { get; }

    /// <summary>PostgreSQL's first process, or 0.</summary>
    public int PostgresProcess { get; }

    /// <summary>EventStoreDB's process when it runs on this machine, or 0.</summary>
    public int EventStoreProcess { get; }

    /// <summary>The product as ./run starts it, without rate limits, on the data in the folder.</summary>
    /// <param name="settings">Further environment variables.</param>
    public static async Task<ServerUnderTest> ProductAsync(
        BenchOptions options, string folder, params (string Name, string Value)[] settings)
    {
        if (options.Server is { } running)
        {
            return await OverAsync(running, null, options.Postgres, options.EventStore);
        }

        var url = Local(Child.FreePort());
        string[] postgres = options.Postgres is { } given ? ["--postgres", given] : [];
        string[] eventStore = options.EventStore is { } log ? ["--event-store", log] : [];
        var child = await Child.StartAsync(
            new Uri(url, "/health/ready"), Path.Combine(folder, "product.log"), "./run",
            ["--port", url.Port.ToString(CultureInfo.InvariantCulture), "--data", folder, .. postgres, .. eventStore],
            [("RateLimits__Enabled", "false"), .. settings]);
        var uri = options.Postgres ?? (await File.ReadAllTextAsync(Path.Combine(folder, "postgres.uri"))).Trim();
        return await OverAsync(url, child, uri, options.EventStore);
    }

    /// <summary>
    /// The bare server in a process of its own, with the same runtime settings as ./run gives the product.
    /// </summary>
    public static async Task<ServerUnderTest> FloorAsync(string folder)
    {
        var url = Local(Child.FreePort());
        var child = await Child.StartAsync(
            new Uri(url, "/health/ready"), Path.Combine(folder, "floor.log"), "dotnet",
            [typeof(ServerUnderTest).Assembly.Location, "floor-server", $"{url.Port}"],
            ("DOTNET_gcServer", "0"), ("DOTNET_gcConcurrent", "1"), ("DOTNET_TieredPGO", "1"));
        return await OverAsync(url, child, null, null);
    }

    public ValueTask DisposeAsync() => _child?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static Uri Local(int port) => new($"http://127.0.0.1:{port}");

    private static async Task<ServerUnderTest> OverAsync(Uri url, Child? child, string? postgres, string? eventStore)
    {
        var npgsql = postgres is null ? null : PostgresServer.ConnectionOf(postgres);
        var first = npgsql is null ? 0 : await PostgresServer.FirstProcessAsync(npgsql);
        var log = eventStore is null ? 0 : ProcFs.ListenerOn(new Uri(eventStore).Port);
        return new ServerUnderTest(url, child, npgsql, first, log);
    }
}
