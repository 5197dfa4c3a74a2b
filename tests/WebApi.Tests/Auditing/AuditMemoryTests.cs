using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
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

    /// <summary>Somebody reads the first bytes of a long answer and goes.</summary>
    [Theory]
    [InlineData("events")]
    [InlineData("replay")]
    public async Task Of_an_answer_that_is_cut_off_the_record_tells_how_far_it_went(string call)
    {
        var conversation = new LongConversation(server.Services.GetRequiredService<IEventCodec>(), 20_000);
        var head = await conversation.CopyAsync(server.Database);
        Assert.True(await server.Services.GetRequiredService<IReadSide>()
            .WaitForAsync(head, TimeSpan.FromMinutes(5), CancellationToken.None));
        var auditor = await server.SignInAsync("+12025550199");
        var address = server.Http.BaseAddress!;
        using (var tcp = new TcpClient { ReceiveBufferSize = 4096, LingerState = new LingerOption(true, 0) })
        {
            await tcp.ConnectAsync(address.Host, address.Port, Eventually.Cancelled());
            var stream = tcp.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"GET /v1/audit/conversations/{conversation.Id}/{call} HTTP/1.1\r\nHost: {address.Authority}\r\n"
                + $"Authorization: Bearer {auditor.Access}\r\nAccept: application/x-ndjson\r\n\r\n"));
            await stream.ReadExactlyAsync(new byte[1000], Eventually.Cancelled());
        }

        JsonElement access = default;
        await Eventually.IsTrue(
            async () =>
            {
                access = (await server.GetAsync($"/v1/audit/access?auditor={auditor.User}&limit=200", auditor.Access))
                    .Is(200)["accesses"].EnumerateArray().FirstOrDefault(item =>
                        item.GetProperty("conversation_id").GetString() == conversation.Id.ToString()
                        && item.GetProperty("delivered").ValueKind == JsonValueKind.Object);
                return access.ValueKind == JsonValueKind.Object;
            },
            "the access and what was answered are recorded");
        Assert.Equal(call, access.GetProperty("call").GetString());
        Assert.InRange(access.GetProperty("delivered").GetProperty("entries").GetInt64(), 1, 19_999);
    }

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
