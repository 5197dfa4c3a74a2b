using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.LogAppend;

/// <summary>What it costs to follow the log.</summary>
internal static class ReadCosts
{
    public static async Task PrintAsync(BenchDatabase database)
    {
        var store = database.Get<IEventStore>();
        var head = await store.HeadAsync(CancellationToken.None);
        using var self = Process.GetCurrentProcess();
        var (client, server, started, count) = (self.TotalProcessorTime, ProcessTimes.OfServer(database.Postmaster), Stopwatch.GetTimestamp(), 0);
        await foreach (var page in store.SubscribeAllAsync(LogPosition.Start, CancellationToken.None))
        {
            count += page.Count;
            if (page[^1].Position >= head)
                break;
        }

        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        self.Refresh();
        Console.WriteLine(
            $"following: {count / elapsed:F0} events/s, client {(self.TotalProcessorTime - client).TotalMicroseconds / count:F1} us/event, "
            + $"PostgreSQL {(ProcessTimes.OfServer(database.Postmaster) - server) * 1e6 / count:F1} us/event");
    }
}
