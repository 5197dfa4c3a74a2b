using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Measuring;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench.Parts;

/// <summary>The memory of idle sockets.</summary>
/// <param name="BytesEach">Private memory of the server process per socket.</param>
internal sealed record IdleFigure(int Sockets, double BytesEach);

/// <summary>
/// Memory of authenticated, idle sockets, each of another device. Before and after opening them, the server comes to
/// rest and collects its garbage; the difference of its private memory is theirs.
/// </summary>
internal static class IdlePart
{
    private const int WarmUpSockets = 20, Collections = 3;
    private static readonly TimeSpan OpenMost = TimeSpan.FromSeconds(60), RestMost = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RestSample = TimeSpan.FromSeconds(1);
    private const double RestCpuShare = 0.03;

    /// <summary>Registers enough people. The server may be restarted on the same data before the measurement.</summary>
    public static async Task<Account[]> RegisterAsync(ServerUnderTest server, BenchOptions options)
    {
        using var registrar = new Registrar(server.Url);
        return await registrar.RegisterAsync(options.Sockets[^1] + WarmUpSockets);
    }

    public static async Task<IReadOnlyList<IdleFigure>> RunAsync(
        ServerUnderTest server, BenchOptions options, Account[] accounts)
    {
        using (var few = new EventLoop())
        {
            Open(few, server, accounts.AsSpan(0, WarmUpSockets));
        }

        using var loop = new EventLoop();
        var before = await RestingMemoryAsync(server);
        var figures = new List<IdleFigure>();
        var open = 0;
        foreach (var sockets in options.Sockets)
        {
            Open(loop, server, accounts.AsSpan(WarmUpSockets + open, sockets - open));
            open = sockets;
            figures.Add(new IdleFigure(sockets, (await RestingMemoryAsync(server) - before) / (double)sockets));
        }

        return figures;
    }

    private static void Open(EventLoop loop, ServerUnderTest server, ReadOnlySpan<Account> accounts)
    {
        const int AtOnce = 20;
        var synced = new SyncedCount();
        for (var opened = 0; opened < accounts.Length; opened++)
        {
            _ = new SocketClient(loop, server.EndPoint, accounts[opened].Token, synced);
            var behind = opened + 1 < accounts.Length ? AtOnce : 0;
            var wanted = opened + 1 - behind;
            var inTime = loop.TurnUntil(() => synced.Count >= wanted || synced.Lost is not null, OpenMost);
            if (!inTime || synced.Lost is not null)
            {
                throw new InvalidOperationException(
                    $"Only {synced.Count} of {accounts.Length} sockets got ready. {synced.Lost}");
            }
        }
    }

    private static async Task<long> RestingMemoryAsync(ServerUnderTest server)
    {
        for (var i = 0; i < Collections; i++)
        {
            await RestAsync(server);
            await ManagedHeap.CollectAsync(server.Process);
        }

        await RestAsync(server);
        return ProcFs.PrivateMemoryOf(server.Process);
    }

    /// <summary>Waits until the server uses almost no CPU time, at most <see cref="RestMost"/>.</summary>
    private static async Task RestAsync(ServerUnderTest server)
    {
        for (var waited = TimeSpan.Zero; waited < RestMost; waited += RestSample)
        {
            var before = ProcFs.CpuOf(server.Process);
            await Task.Delay(RestSample);
            if ((ProcFs.CpuOf(server.Process) - before) / RestSample < RestCpuShare)
            {
                return;
            }
        }
    }

    private sealed class SyncedCount : IFrameSink
    {
        public int Count { get; private set; }

        public string? Lost { get; private set; }

        public void OnFrame(SocketClient client, ReadOnlySpan<byte> payload) =>
            Count += ServerFrame.Parse(payload).Op == Op.Synced ? 1 : 0;

        public void OnClosed(SocketClient client, string why) => Lost = why;
    }
}
