using System.Diagnostics;
using System.Globalization;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.LogAppend;

/// <summary>The cost of a batch of heads (docs/audit.md), client and PostgreSQL together.</summary>
internal static class BatchCosts
{
    private const int StreamsAtOnce = 1_000;
    private const double Interval = 60;

    /// <param name="heads">Streams that change in a batch.</param>
    /// <param name="events">Events of each of them.</param>
    public static async Task PrintAsync(BenchDatabase database, int heads, int events)
    {
        var folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
        var options = Options.Create(new AuditOptions { KeyFile = Path.Combine(folder, "key.pem") });
        await File.WriteAllBytesAsync(options.Value.KeyFile!, NoteSigner.NewKey());
        var (source, store) = (database.Get<NpgsqlDataSource>(), database.Get<IEventStore>());
        await AuditSchema.StoreExternallyAsync(source, CancellationToken.None);
        var log = new HeadsLog(
            store, database.Get<Secrets>(), source,
            new LogSigning(source, options, TimeProvider.System, new ElsewhereCheck([], options)), options,
            TimeProvider.System);
        Console.WriteLine("| batch | heads | events | s | client CPU s | PostgreSQL CPU s | share of a core |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        var examples = Enumerable.Range(0, heads / StreamsAtOnce).Select(_ => new Examples(StreamsAtOnce)).ToList();
        foreach (var name in new[] { "of new streams", "of known streams", "again" })
        {
            // All streams in turn, as many people write at the same time: neighbours in the log are of other streams.
            for (var turn = 0; turn < events; turn++)
            {
                foreach (var streams in examples)
                    await store.AppendAsync(streams.Batch(StreamsAtOnce), CancellationToken.None);
            }

            await MeasureAsync(database, log, name);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static async Task MeasureAsync(BenchDatabase database, HeadsLog log, string name)
    {
        GC.Collect();
        using var self = Process.GetCurrentProcess();
        var (client, server) = (self.TotalProcessorTime, ProcessTimes.OfServer(database.Postmaster));
        var (started, heads, events) = (Stopwatch.GetTimestamp(), 0L, 0L);
        for (AppendedBatch? batch = null; batch is null or { IsFull: true };)
        {
            batch = await log.AppendAsync(CancellationToken.None);
            if (batch is null)
                break;
            (heads, events) = (heads + batch.Entry.Heads, events + batch.Events);
        }

        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        self.Refresh();
        var clientCost = (self.TotalProcessorTime - client).TotalSeconds;
        var serverCost = ProcessTimes.OfServer(database.Postmaster) - server;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {heads} | {events} | {elapsed:F2} | {clientCost:F2} | {serverCost:F2} | "
            + $"{(clientCost + serverCost) / Interval:P1} |"));
    }
}
