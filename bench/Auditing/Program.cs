using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;
using Npgsql;

// Measures audits of one long conversation: a page of its state at random entries, its replay, its verification.
// usage: dotnet run -c Release --project bench/Auditing -- POSTGRES_URI [ENTRIES=1000000]
const int States = 500;

var server = PostgresConnection.Parse(args[0]);
var entries = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000_000;
var name = $"bench_auditing_{Environment.ProcessId}";
await using var maintenance = NpgsqlDataSource.Create(server);
await ExecuteAsync($"CREATE DATABASE {name}");
try
{
    await MeasureAsync(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = name }.ConnectionString);
}
finally
{
    NpgsqlConnection.ClearAllPools();
    await ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
}

async Task MeasureAsync(string database)
{
    var builder = Host.CreateEmptyApplicationBuilder(null);
    builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning);
    var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));
    var configuration = new ConfigurationBuilder()
        .AddInMemoryCollection([new("Sealing:MasterKeys:bench", key)]).Build();
    builder.Services.AddPostgres(database).AddMartenStore().AddPostgresEventStore()
        .AddEventCodec().AddSingleton(TimeProvider.System).AddReadModels()
        .AddSealing(configuration, new HostingEnvironment { EnvironmentName = Environments.Production }, "")
        .AddAuditReading().AddSingleton<IAuditedContent, AuditedContent>().AddSingleton<ErasedUsers>()
        .AddSingleton<IHeld, InMemoryHeld>()
        .AddSingleton<MessageLifetimes>().AddOptions<RetentionOptions>();
    using var host = builder.Build();
    await host.StartAsync();
    var services = host.Services;
    var conversation = new LongConversation(services.GetRequiredService<IEventCodec>(), entries);
    var started = Stopwatch.GetTimestamp();
    var head = await conversation.CopyAsync(services.GetRequiredService<NpgsqlDataSource>());
    if (!await services.GetRequiredService<IReadSide>().WaitForAsync(head, TimeSpan.FromMinutes(30), default))
        throw new TimeoutException("The read models did not fold the conversation.");
    await using (var analyze = services.GetRequiredService<NpgsqlDataSource>().CreateCommand("ANALYZE"))
        await analyze.ExecuteNonQueryAsync();
    Console.WriteLine($"{entries} entries, made in {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s; "
        + $"load {File.ReadAllText("/proc/loadavg").Split(' ')[0]} on {Environment.ProcessorCount} cores");
    Console.WriteLine("| audit of one conversation | measured |");
    Console.WriteLine("| --- | --- |");

    var (random, times) = (new Random(1), new List<double>());
    for (var n = -20; n < States; n++) // The first ones compile.
    {
        var state = ActivatorUtilities.CreateInstance<ShowState.Handler>(services);
        var from = Stopwatch.GetTimestamp();
        await state.Handle(
            new ShowState.Query(conversation.Id, random.NextInt64(entries), null, null, null, null), default);
        if (n >= 0)
            times.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
    }

    times.Sort();
    Console.WriteLine(
        $"| a page of its state at a random entry, p50, p99 | {times[States / 2]:F1} ms, "
        + $"{times[States * 99 / 100]:F1} ms |");

    var before = GC.GetTotalMemory(forceFullCollection: true);
    var (lines, peak) = (0L, before);
    var replay = ActivatorUtilities.CreateInstance<ReplayConversation.Handler>(services);
    var replayed = Stopwatch.GetTimestamp();
    await replay.Handle(
        new ReplayConversation.Query(conversation.Id, null, null, null, false, PipeWriter.Create(Stream.Null), () =>
        {
            if (++lines % 10_000 == 0)
                peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false));
        }),
        default);
    var seconds = Stopwatch.GetElapsedTime(replayed).TotalSeconds;
    Console.WriteLine($"| replay, events a second | {lines / seconds:F0} |");
    Console.WriteLine(
        $"| replay, managed memory at its highest over before, garbage included | {(peak - before) >> 20} MiB |");

    var verification = ActivatorUtilities.CreateInstance<VerifyConversation.Handler>(services);
    var verified = Stopwatch.GetTimestamp();
    var result = await verification.Handle(
        new VerifyConversation.Query(new UserId(Guid.NewGuid()), conversation.Id), default);
    Console.WriteLine(
        $"| verification of {result.Events} events | {Stopwatch.GetElapsedTime(verified).TotalSeconds:F1} s |");
    if (!result.Verified)
        throw new InvalidOperationException("The conversation is not whole.");
    await host.StopAsync();
}

async Task ExecuteAsync(string sql)
{
    await using var command = maintenance.CreateCommand(sql);
    await command.ExecuteNonQueryAsync();
}
