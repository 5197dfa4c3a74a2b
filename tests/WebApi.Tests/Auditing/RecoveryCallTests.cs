using System.Net.Http.Headers;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Operations;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>A server with a batch every second, and a mirror in a folder.</summary>
public sealed class MirroredServer : ChatServer, IDisposable
{
    public string Mirror { get; } = Directory.CreateTempSubdirectory("chatcqrs-mirror").FullName;

    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Audit:Interval", "00:00:01"), ("Audit:Mirror:Folder", Mirror)];

    public void Dispose() => Directory.Delete(Mirror, recursive: true);
}

/// <summary>The mirror, what health says of it, and the recovery, over REST.</summary>
public sealed class RecoveryCallTests(MirroredServer server) : IClassFixture<MirroredServer>
{
    private const string Recovery = "/v1/admin/audit/recovery";

    [Fact]
    public async Task The_mirror_has_what_the_server_answers()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        await SendAsync(ann, ben);
        await PublishedAsync(ann, above: 1);

        foreach (var file in Directory.GetFiles(server.Mirror, "*", SearchOption.AllDirectories)
            .Where(file => file.Contains("/tile/", StringComparison.Ordinal)))
        {
            var path = Path.GetRelativePath(server.Mirror, file);
            Assert.Equal(await File.ReadAllBytesAsync(file), await BytesAsync($"/v1/audit/{path}", ann.Access));
        }

        var mirrored = await File.ReadAllTextAsync(Path.Combine(server.Mirror, "heads/checkpoint"));
        await Eventually.IsTrue(
            async () => (await server.GetAsync("/v1/audit/checkpoints", ann.Access)).Is(200)["checkpoints"]
                .EnumerateArray().Any(checkpoint => checkpoint.GetProperty("note").GetString() == mirrored),
            "the mirror's checkpoint is shown");
    }

    [Fact]
    public async Task A_restored_server_takes_messages_and_signs_nothing_until_an_admin_recovers_its_logs()
    {
        var (ann, ben, admin) = (
            await server.SignInAsync(), await server.SignInAsync(), await server.SignInAuditorAsync());
        await SendAsync(ann, ben);
        var size = await PublishedAsync(ann, above: 2);
        Assert.Equal("current", (await server.PostAsync(Recovery, null, admin.Access)).Is(200).Text("outcome"));

        await RewindAsync(size: 2);

        await Eventually.IsTrue(
            async () => (await HealthAsync()).Contains("behind", StringComparison.Ordinal), "health says it");
        (await server.GetAsync("/health/ready")).Is(200);
        await SendAsync(ann, ben);
        Assert.Equal(403, (await server.PostAsync(Recovery, null, ann.Access)).Status);
        Assert.Equal(401, (await server.PostAsync(Recovery, null)).Status);
        var mirrored = await File.ReadAllTextAsync(Path.Combine(server.Mirror, "heads/checkpoint"));
        var known = long.Parse(mirrored.Split('\n')[1], System.Globalization.CultureInfo.InvariantCulture);

        var recovered = (await server.PostAsync(Recovery, null, admin.Access)).Is(200);

        Assert.Equal("restored", recovered.Text("outcome"));
        var heads = recovered["heads"];
        Assert.Equal(2, heads.GetProperty("size_before").GetInt64());
        Assert.Equal(known, heads.GetProperty("published").GetInt64());
        Assert.True(heads.GetProperty("size").GetInt64() > known);
        Assert.Equal("current", (await server.PostAsync(Recovery, null, admin.Access)).Is(200).Text("outcome"));
        await PublishedAsync(ann, above: known);
        await Eventually.IsTrue(
            async () => (await HealthAsync()).Contains("are published", StringComparison.Ordinal), "health says it");
        await AssertRecordedAsync(admin, known);
    }

    [Theory]
    [InlineData(null, HealthStatus.Healthy, "are published")]
    [InlineData(PublishingProblem.Behind, HealthStatus.Degraded, "behind")]
    [InlineData(PublishingProblem.Halted, HealthStatus.Degraded, "operator")]
    [InlineData(PublishingProblem.MirrorAway, HealthStatus.Degraded, "mirror")]
    public void Health_tells_why_nothing_is_published(PublishingProblem? problem, HealthStatus status, string detail)
    {
        var judged = SignedLogsCheck.Judge(problem);

        Assert.Equal(status, judged.Status);
        Assert.Contains(detail, judged.Description, StringComparison.Ordinal);
    }

    private async Task AssertRecordedAsync(Tokens admin, long known)
    {
        var (store, codec) = (
            server.Services.GetRequiredService<IEventStore>(), server.Services.GetRequiredService<IEventCodec>());
        var stored = await store.ReadStreamAsync(StreamName.Audit, 0, ReadDirection.Forwards, 100, default);
        var recovery = Assert.Single(
            stored.Select(codec.Decode).Select(fact => fact.Event).OfType<AuditEvent.LogRecovered>());
        Assert.Equal(
            (admin.User, "restored", 2, known),
            (recovery.By.ToString(), recovery.How, recovery.Heads, recovery.HeadsPublished));
    }

    /// <summary>Takes the log of heads back to an earlier size, as a restore does.</summary>
    private async Task RewindAsync(long size)
    {
        await using var command = server.Database.CreateCommand(
            $"""
            UPDATE chat.audit_logs SET size = {size} WHERE log = 'heads';
            DELETE FROM chat.audit_entries WHERE log = 'heads' AND index >= {size};
            DELETE FROM chat.audit_hashes WHERE log = 'heads' AND level = 0 AND index >= {size};
            DELETE FROM chat.audit_checkpoints WHERE log = 'heads' AND size > {size};
            DELETE FROM chat.audit_batches WHERE entry >= {size};
            """);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<string> HealthAsync() => (await server.GetAsync("/health/ready")).Is(200)["checks"]
        .GetProperty("signed_logs").GetProperty("detail").GetString()!;

    /// <summary>Waits for a published checkpoint of more entries.</summary>
    private async Task<long> PublishedAsync(Tokens caller, long above)
    {
        long size = 0;
        await Eventually.IsTrue(
            async () =>
            {
                await SendAsync(caller, await server.SignInAsync());
                var list = (await server.GetAsync("/v1/audit/checkpoints?limit=1", caller.Access)).Is(200)
                    ["checkpoints"];
                size = list.GetArrayLength() == 0 ? 0 : list[0].GetProperty("size").GetInt64();
                return size > above;
            },
            $"more than {above} entries are published");
        return size;
    }

    private async Task SendAsync(Tokens from, Tokens to) => (await server.PostAsync(
        "/v1/messages", new { message_id = Guid.NewGuid(), receiver_id = to.User, type = "text", text = "hello" },
        from.Access)).Is(201);

    private async Task<byte[]> BytesAsync(string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        var answer = await server.Http.SendAsync(request);
        Assert.True((int)answer.StatusCode == 200, path);
        return await answer.Content.ReadAsByteArrayAsync();
    }
}
