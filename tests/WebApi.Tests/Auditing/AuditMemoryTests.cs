using System.Net.Http.Headers;
using ChatCqrs.Application.Ports;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>Streams of a long conversation take the memory of some pages, whatever its length.</summary>
[Collection(Measurement.Name)]
public sealed class AuditMemoryTests(AuditMemoryServer server) : IClassFixture<AuditMemoryServer>
{
    private const int Entries = 100_000;

    [Theory]
    [InlineData("events", 24)]
    [InlineData("replay", 12)]
    [InlineData("replay?from_seq=90000", 12)]
    public async Task A_long_conversation_streams_in_bounded_memory(string call, int mebibytes)
    {
        var addedMax = mebibytes * 1024L * 1024;
        var conversation = new LongConversation(server.Services.GetRequiredService<IEventCodec>(), Entries);
        var head = await conversation.CopyAsync(server.Database);
        Assert.True(await server.Services.GetRequiredService<IReadSide>()
            .WaitForAsync(head, TimeSpan.FromMinutes(5), CancellationToken.None));
        var auditor = await server.SignInAsync("+12025550199");
        using var request = new HttpRequestMessage(
            HttpMethod.Get, $"/v1/audit/conversations/{conversation.Id}/{call}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", auditor.Access);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-ndjson"));

        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var (buffer, bytes, peak, looked) = (new byte[64 * 1024], 0L, 0L, 0L);
        for (int read; (read = await body.ReadAsync(buffer)) > 0;)
        {
            bytes += read;
            if (bytes - looked < 4 * 1024 * 1024)
                continue;
            (looked, peak) = (bytes, Math.Max(peak, GC.GetTotalMemory(forceFullCollection: true) - before));
        }

        Assert.True(bytes > 2 * addedMax, $"{bytes} bytes show nothing.");
        Assert.True(peak < addedMax, $"{peak} bytes more were in use, of {bytes} that were streamed.");
    }
}

/// <summary>A server that makes no batch of heads meanwhile: a batch holds the hashes of all its events.</summary>
public sealed class AuditMemoryServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Audit:Interval", "01:00:00")];
}
