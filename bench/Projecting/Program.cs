using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projecting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

// Measures the cost per message and the lag of the read models, at a fixed rate of messages, each with one receipt.
// usage: dotnet run -c Release --project bench/Projecting --
//     POSTGRES_URI [MESSAGES_A_SECOND=6000] [CONVERSATIONS=100] [SECONDS=10]
var server = PostgresConnection.Parse(args[0]);
var rate = args.Length > 1 ? int.Parse(args[1]) : 6_000;
var conversations = args.Length > 2 ? int.Parse(args[2]) : 100;
var duration = TimeSpan.FromSeconds(args.Length > 3 ? int.Parse(args[3]) : 10);

var database = $"bench_projecting_{Environment.ProcessId}";
await using var maintenance = NpgsqlDataSource.Create(server);
await using (var create = maintenance.CreateCommand($"CREATE DATABASE {database}"))
    await create.ExecuteNonQueryAsync();
await using var which = maintenance.CreateCommand("SELECT pg_backend_pid()");
var postmaster = ProcessTimes.ParentOf((int)(await which.ExecuteScalarAsync())!);

var lags = new List<double>();
var batches = new List<int>();
using var listener = new MeterListener
{
    InstrumentPublished = (instrument, self) =>
    {
        if (instrument.Meter.Name == Telemetry.Name)
            self.EnableMeasurementEvents(instrument);
    },
};
listener.SetMeasurementEventCallback<double>(
    (instrument, value, _, _) => Add(instrument, "chat.projection.lag", lags, value));
listener.SetMeasurementEventCallback<int>(
    (instrument, value, _, _) => Add(instrument, "chat.projection.events", batches, value));
listener.Start();

var floor = await FloorAsync();
var log = new PacedLog(conversations, rate, duration);
var builder = Host.CreateEmptyApplicationBuilder(null);
builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning);
builder.Services
    .AddPostgres(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = database }.ConnectionString)
    .AddMartenStore()
    .AddSingleton<IEventStore>(log).AddSingleton<IEventCodec, EventCodec>().AddSingleton(TimeProvider.System)
    .AddReadModels();
using (var host = builder.Build())
{
    await host.StartAsync();
    var readSide = host.Services.GetRequiredService<IReadSide>();
    await Task.Delay(TimeSpan.FromSeconds(5)); // Warm-up.
    var (from, client, postgres, allocated) = Now();
    lock (lags)
        lags.Clear();
    lock (batches)
        batches.Clear();
    while (log.Head.Value == 0 || readSide.Position < log.Head)
        await Task.Delay(20);
    var (to, clientNow, postgresNow, allocatedNow) = Now();
    lags.Sort();
    var messages = to - from;
    var clientCost = ((clientNow - client) / messages * 1e6) - floor;
    var postgresCost = (postgresNow - postgres) / messages * 1e6;
    var (p50, p99) = (lags[lags.Count / 2] * 1000, lags[lags.Count * 99 / 100] * 1000);
    Console.WriteLine(
        $"{rate} messages/s in {conversations} conversations: "
        + $"client {clientCost:F1} us (the log itself took {floor:F1}), "
        + $"PostgreSQL {postgresCost:F1} us a message; {(allocatedNow - allocated) / messages} bytes allocated; "
        + $"lag p50 {p50:F0} p99 {p99:F0} ms; {batches.Count} batches");
    await host.StopAsync();
}

NpgsqlConnection.ClearAllPools();
await using (var drop = maintenance.CreateCommand($"DROP DATABASE {database} WITH (FORCE)"))
    await drop.ExecuteNonQueryAsync();

(int Messages, double Client, double Postgres, long Allocated) Now() => (
    log.Messages, Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds, ProcessTimes.Family(postmaster),
    GC.GetTotalAllocatedBytes());

// The client's cost of making the events, in microseconds per message; it is subtracted.
async Task<double> FloorAsync()
{
    var alone = new PacedLog(conversations, rate, TimeSpan.FromSeconds(8));
    using var stop = new CancellationTokenSource();
    var (messages, cpu) = (0, 0.0);
    try
    {
        await foreach (var _ in alone.SubscribeAllAsync(default, stop.Token))
        {
            if (cpu == 0 && alone.Messages > rate * 5)
                (messages, cpu) = (alone.Messages, Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds);
            stop.CancelAfter(TimeSpan.FromMilliseconds(500));
        }
    }
    catch (OperationCanceledException)
    {
    }

    return (Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds - cpu) / (alone.Messages - messages) * 1e6;
}

static void Add<T>(Instrument instrument, string name, List<T> values, T value)
{
    if (instrument.Name != name)
        return;
    lock (values)
        values.Add(value);
}
