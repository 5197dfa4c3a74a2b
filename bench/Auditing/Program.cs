using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;
using Npgsql;

// Measures audits of one long conversation: a page of its state at random entries, its replay, its verification, its
// export; and by how much each raises the managed memory at its highest, garbage included.
// usage: dotnet run -c Release --project bench/Auditing -- POSTGRES_URI [ENTRIES=1000000]
const int States = 500;

var server = PostgresConnection.Parse(args[0]);
var entries = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000_000;
var name = $"bench_auditing_{Environment.ProcessId}";
await using var maintenance = NpgsqlDataSource.Create(server);
await ExecuteAsync($"CREATE DATABASE {name}");
try
{
    await MeasureAllAsync(
        new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = name }.ConnectionString);
}
finally
{
    NpgsqlConnection.ClearAllPools();
    await ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
}

async Task MeasureAllAsync(string database)
{
    var folder = Directory.CreateTempSubdirectory("bench-auditing").FullName;
    var builder = Host.CreateEmptyApplicationBuilder(null);
    builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning);
    var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));
    var configuration = new ConfigurationBuilder()
        .AddInMemoryCollection([
            new("Sealing:MasterKeys:bench", key),
            new("Audit:Origin", "bench.example/v1/audit/heads"),
            new("Audit:Interval", "01:00:00"),
        ]).Build();
    var environment = new HostingEnvironment { EnvironmentName = Environments.Production };
    builder.Services.AddPostgres(database).AddMartenStore().AddPostgresEventStore()
        .AddEventCodec().AddSingleton(TimeProvider.System).AddReadModels()
        .AddSealing(configuration, environment, "").AddVerifiableLogs(configuration, environment, folder)
        .AddAuditReading().AddSingleton<IAuditedContent, AuditedContent>().AddSingleton<ErasedUsers>()
        .AddSingleton<IHeld, InMemoryHeld>()
        .AddSingleton<MessageLifetimes>().AddSingleton<ClockGuard>().AddSingleton<UserWriter>()
        .AddSingleton<ProfileReader>().AddSingleton<IExportEvidence, ExportEvidence>().AddExportUseCases()
        .AddOptions<AuditOptions>().Bind(configuration.GetSection("Audit"));
    builder.Services.ConfigureMarten(AccountSchema.Register); // The directory asks for erasures in its tables.
    builder.Services.AddOptions<RetentionOptions>();
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
    Console.WriteLine("| audit of one conversation | measured | CPU of the process | memory at its highest |");
    Console.WriteLine("| --- | --- | --- | --- |");

    var (random, times) = (new Random(1), new List<double>());
    var states = await MeasureAsync(async () =>
    {
        for (var n = -20; n < States; n++) // The first ones compile.
        {
            var state = ActivatorUtilities.CreateInstance<ShowState.Handler>(services);
            var from = Stopwatch.GetTimestamp();
            await state.Handle(
                new ShowState.Query(conversation.Id, random.NextInt64(entries), null, null, null, null), default);
            if (n >= 0)
                times.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
        }
    });
    times.Sort();
    Show(
        "a page of its state at a random entry, p50, p99",
        $"{times[States / 2]:F1} ms, {times[States * 99 / 100]:F1} ms", states);

    var lines = 0L;
    var replay = ActivatorUtilities.CreateInstance<ReplayConversation.Handler>(services);
    var replayed = await MeasureAsync(() => replay.Handle(
        new ReplayConversation.Query(
            conversation.Id, null, null, null, false, PipeWriter.Create(Stream.Null), () => lines++),
        default));
    Show($"replay of {lines} events", $"{lines / replayed.Seconds:F0} a second", replayed);

    VerifyConversation.Result? result = null;
    var verification = ActivatorUtilities.CreateInstance<VerifyConversation.Handler>(services);
    var verified = await MeasureAsync(async () => result = await verification.Handle(
        new VerifyConversation.Query(new UserId(Guid.NewGuid()), conversation.Id), default));
    Show($"verification of {result!.Events} events", $"{verified.Seconds:F1} s", verified);
    if (!result.Verified)
        throw new InvalidOperationException("The conversation is not whole.");

    while (await services.GetRequiredService<HeadsLog>().AppendAsync(default) is { IsFull: true })
    {
        // The next batch goes on.
    }

    var export = new AuditExport(
        Guid.NewGuid(), conversation.Ann, new DeviceId(Guid.NewGuid()), null, [conversation.Id], null, null,
        ExportStatus.Running, 0, 0, null, DateTimeOffset.UtcNow);
    var written = 0L;
    var exported = await MeasureAsync(async () => written = await services.GetRequiredService<ConversationExport>()
        .WriteAsync(export, conversation.Id, null, folder, (_, _) => Task.CompletedTask, default));
    var bytes = Directory.EnumerateFiles(folder).Sum(file => new FileInfo(file).Length);
    Show($"export of {written} events, {bytes >> 20} MiB of files", $"{exported.Seconds:F1} s", exported);
    await host.StopAsync();
    Directory.Delete(folder, recursive: true);
}

// How long something takes, its CPU time, and by how much the managed memory rises at its highest.
async Task<(double Seconds, double CpuSeconds, long Peak)> MeasureAsync(Func<Task> run)
{
    var before = GC.GetTotalMemory(forceFullCollection: true);
    using var ended = new CancellationTokenSource();
    var highest = Task.Run(async () =>
    {
        var peak = before;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!ended.IsCancellationRequested && await timer.WaitForNextTickAsync(default))
            peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false));
        return peak;
    });
    using var process = Process.GetCurrentProcess();
    var (cpu, started) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
    await run();
    var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
    process.Refresh();
    var used = (process.TotalProcessorTime - cpu).TotalSeconds;
    await ended.CancelAsync();
    return (seconds, used, await highest - before);
}

void Show(string what, string measured, (double Seconds, double CpuSeconds, long Peak) cost) => Console.WriteLine(
    $"| {what} | {measured} | {cost.CpuSeconds:F1} s | {cost.Peak >> 20} MiB |");

async Task ExecuteAsync(string sql)
{
    await using var command = maintenance.CreateCommand(sql);
    await command.ExecuteNonQueryAsync();
}
