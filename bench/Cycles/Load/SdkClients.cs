using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using ChatCqrs.Client;

namespace ChatCqrs.Bench.Load;

/// <summary>Clients of the C# SDK, in a process of their own. It prints a line a figure.</summary>
internal static class SdkClients
{
    private const int AtOnce = 32, Collections = 3;

    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2), IdleSpan = TimeSpan.FromSeconds(30);

    /// <summary>Many clients, first idle, then in pairs that write to each other.</summary>
    public static async Task<int> RunAsync(Uri server, int count, int seconds)
    {
        using var handler = new SocketsHttpHandler();
        var before = Memory();
        var clients = new ChatClient[count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (i, _) => clients[i] = await JoinAsync(
                new ChatClientOptions { Url = server, HttpHandler = handler }));
        await Task.Delay(Settle);
        Print("bytes", (Memory() - before) / (double)count);

        var (cpu, span) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        await Task.Delay(IdleSpan);
        Print("idle", (Environment.CpuUsage.TotalTime - cpu) / Stopwatch.GetElapsedTime(span));

        (cpu, span) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        var received = 0;
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        await Task.WhenAll(Enumerable.Range(0, count / 2).Select(pair => TalkAsync(
            clients[2 * pair], clients[2 * pair + 1], () => Interlocked.Increment(ref received), stop.Token)));
        Print("microseconds", (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / Math.Max(1, received));
        Print("rate", received / Stopwatch.GetElapsedTime(span).TotalSeconds);
        await Task.WhenAll(clients.Select(client => client.CloseAsync()));
        return 0;
    }

    /// <summary>One client with its tokens in a folder, from the start of the process until it is live.</summary>
    public static async Task<int> StartAsync(Uri server, string folder)
    {
        var main = Stopwatch.GetTimestamp();
        await using var client = await JoinAsync(
            new ChatClientOptions { Url = server, Storage = new FileStorage(folder) });
        var own = Stopwatch.GetElapsedTime(main);
        var whole = DateTime.Now - Process.GetCurrentProcess().StartTime;
        Print("start", whole.TotalMilliseconds);
        Print("own", own.TotalMilliseconds);
        return 0;
    }

    private static async Task<ChatClient> JoinAsync(ChatClientOptions options)
    {
        var client = new ChatClient(options);
        if (!await client.IsSignedInAsync())
        {
            var phone = $"+999{RandomNumberGenerator.GetString("0123456789", 12)}";
            await client.VerifyAsync((await client.RegisterAsync(phone, "Bench")).Code!);
        }

        await client.ConnectAsync();
        return client;
    }

    /// <summary>One client writes its next message when the last one is acknowledged; the other receives.</summary>
    private static async Task TalkAsync(ChatClient one, ChatClient other, Action received, CancellationToken stop)
    {
        var talk = await one.Inbox.StartDirectAsync(other.Account!.UserId, CancellationToken.None);
        var reading = ReadAsync(other, received, stop);
        while (!stop.IsCancellationRequested)
        {
            var message = await one.Conversation(talk.ConversationId).SendAsync(new string('x', 100), null, default);
            await message.Acked.WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
        }

        await reading;
    }

    private static async Task ReadAsync(ChatClient client, Action received, CancellationToken stop)
    {
        try
        {
            await foreach (var e in client.EventsAsync(stop))
            {
                if (e is MessageReceived)
                    received();
            }
        }
        catch (OperationCanceledException)
        {
            // The span is over.
        }
    }

    private static long Memory()
    {
        for (var i = 0; i < Collections; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return Measuring.ProcFs.PrivateMemoryOf(Environment.ProcessId);
    }

    private static void Print(string name, double value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {value}"));
}
