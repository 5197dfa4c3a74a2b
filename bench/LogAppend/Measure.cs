using System.Diagnostics;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.LogAppend;

/// <summary>A log under test.</summary>
internal interface ISubject : IAsyncDisposable
{
    string Name { get; }

    /// <summary>The process id of the server; 0 if it runs on another machine.</summary>
    int Postmaster { get; }

    Task AppendAsync(IReadOnlyList<StreamAppend> batch);
}

internal static class Measure
{
    private const int WarmUpCalls = 20;

    /// <summary>Appends one batch after another, as the writer does, and prints a row.</summary>
    public static async Task RunAsync(ISubject subject, int size, int streams, int events)
    {
        var examples = new Examples(streams);
        for (var call = 0; call < WarmUpCalls; call++)
            await subject.AppendAsync(examples.Batch(size));

        // The examples are made beforehand: CryptoCosts prints their cost.
        var batches = Enumerable.Range(0, Math.Max(1, events / size)).Select(_ => examples.Batch(size)).ToList();
        GC.Collect();
        using var self = Process.GetCurrentProcess();
        var (client, server) = (self.TotalProcessorTime, ProcessTimes.OfServer(subject.Postmaster));
        var started = Stopwatch.GetTimestamp();
        foreach (var batch in batches)
            await subject.AppendAsync(batch);
        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        self.Refresh();
        var count = batches.Count * size;
        var clientCost = (self.TotalProcessorTime - client).TotalMicroseconds / count;
        var serverCost = (ProcessTimes.OfServer(subject.Postmaster) - server) * 1e6 / count;
        Console.WriteLine(
            $"| {subject.Name} | {size} | {streams} | {count / elapsed:F0} | "
            + $"{clientCost:F1} | {serverCost:F1} | {clientCost + serverCost:F1} |");
    }
}
