using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.LogAppend;

/// <summary>The cost of following the log.</summary>
internal static class ReadCosts
{
    public static async Task PrintAsync(BenchDatabase database)
    {
        var store = database.Get<IEventStore>();
        var head = await store.HeadAsync(CancellationToken.None);
        using var self = Process.GetCurrentProcess();
        var (client, server) = (self.TotalProcessorTime, ProcessTimes.OfServer(database.Postmaster));
        var (started, count) = (Stopwatch.GetTimestamp(), 0);
        await foreach (var page in store.SubscribeAllAsync(LogPosition.Start, CancellationToken.None))
        {
            count += page.Count;
            if (page[^1].Position >= head)
                break;
        }

        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        self.Refresh();
        var clientCost = (self.TotalProcessorTime - client).TotalMicroseconds / count;
        var serverCost = (ProcessTimes.OfServer(database.Postmaster) - server) * 1e6 / count;
        Console.WriteLine(
            $"following: {count / elapsed:F0} events/s, client {clientCost:F1} us/event, "
            + $"PostgreSQL {serverCost:F1} us/event");
    }
}
