using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;

namespace ChatCqrs.Bench.Measuring;

/// <summary>Makes another .NET process collect its garbage, through the runtime's diagnostics port.</summary>
internal static class ManagedHeap
{
    // Starting a session with this keyword makes the runtime do a full, blocking collection.
    private const long GCHeapCollectKeyword = 0x800000;

    public static async Task CollectAsync(int process)
    {
        var provider = new EventPipeProvider(
            "Microsoft-Windows-DotNETRuntime", EventLevel.Informational, GCHeapCollectKeyword);
        using var session = new DiagnosticsClient(process).StartEventPipeSession([provider], requestRundown: false);
        var drained = session.EventStream.CopyToAsync(Stream.Null);
        await session.StopAsync(CancellationToken.None);
        await drained;
    }
}
