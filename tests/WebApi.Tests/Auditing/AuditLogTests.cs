using System.Net.Http.Headers;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Npgsql;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>A server with a batch every second.</summary>
public class AuditServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Audit:Interval", "00:00:01")];
}

/// <summary>The same, whose log everybody may read.</summary>
public sealed class PublicAuditServer : AuditServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Audit:Public", "true"), ("Audit:Origin", "chat.example.org/v1/audit/heads")];
}

/// <summary>The signed log over REST, verified by code of its own (<see cref="ProofCheck"/>).</summary>
public sealed class AuditLogTests(AuditServer server) : IClassFixture<AuditServer>
{
    [Fact]
    public async Task A_members_proof_leads_to_the_hash_in_the_log()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var conversation = await SendAsync(ann, ben);

        var check = await ProvenAsync($"/v1/conversations/{conversation}/proof", ann.Access, last: 1);
        Assert.Equal(["chatcqrs/head/v1", $"conversation-{conversation}", "0 1"], check.Head[..3]);
        Assert.Equal(await StoredHashAsync(conversation), check.Head[4]);
        await SendAsync(ben, ann);
        check = await ProvenAsync($"/v1/conversations/{conversation}/proof", ben.Access, last: 2);
        Assert.Equal("2 2", check.Head[2]);
        Assert.Equal(await StoredHashAsync(conversation), check.Head[4]);

        var auditor = await server.SignInAsync(AccountsRegistration.DevelopmentAdmin);
        check = await ProvenAsync($"/v1/audit/conversations/{conversation}/proof", auditor.Access, last: 2);
        var number = check.Batch[1]["number ".Length..];
        var heads = await TextAsync($"/v1/audit/heads/batches/{number}/openings", auditor.Access);
        Assert.Contains(string.Join('\n', check.Head), heads);
        var leaves = heads.Split("\n\n").Select(head => ProofCheck.Leaf(head.TrimEnd('\n') + "\n")).ToList();
        var tile = await GetAsync(
            $"/v1/audit/heads/batches/{number}/tile/0/000.p/{leaves.Count}", auditor.Access);
        Assert.Equal(leaves.SelectMany(leaf => leaf), await tile.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Proofs_are_for_members_and_auditors_alone()
    {
        var (ann, ben, stranger) =
            (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var auditor = await server.SignInAsync(AccountsRegistration.DevelopmentAdmin);
        var conversation = await SendAsync(ann, ben);
        await ProvenAsync($"/v1/conversations/{conversation}/proof", ann.Access, last: 1);

        (await server.GetAsync($"/v1/conversations/{conversation}/proof", stranger.Access))
            .IsProblem(404, "conversation_unknown");
        (await server.GetAsync($"/v1/conversations/{conversation}/proof", auditor.Access))
            .IsProblem(404, "conversation_unknown");
        (await server.GetAsync($"/v1/conversations/{Guid.NewGuid()}/proof", ann.Access))
            .IsProblem(404, "conversation_unknown");
        (await server.GetAsync($"/v1/audit/conversations/{Guid.NewGuid()}/proof", auditor.Access))
            .IsProblem(404, "conversation_unknown");
        (await server.GetAsync("/v1/audit/conversations/one/proof", auditor.Access))
            .IsProblem(404, "conversation_unknown");
        Assert.Equal(403, (await server.GetAsync($"/v1/audit/conversations/{conversation}/proof", ann.Access)).Status);
        Assert.Equal(403, (await server.GetAsync("/v1/audit/heads/batches/1/openings", ann.Access)).Status);
        Assert.Equal(403, (await server.GetAsync("/v1/audit/heads/batches/1/tile/0/000.p/1", ann.Access)).Status);
        (await server.GetAsync("/v1/audit/heads/batches/99999/openings", auditor.Access))
            .IsProblem(404, "batch_unknown");
        (await server.GetAsync("/v1/audit/heads/batches/one/openings", auditor.Access)).IsProblem(404, "batch_unknown");
        (await server.GetAsync("/v1/audit/heads/batches/99999/tile/0/000", auditor.Access))
            .IsProblem(404, "tile_unknown");
    }

    [Theory]
    [InlineData("heads")]
    [InlineData("keys")]
    public async Task Each_log_has_its_checkpoints_tiles_and_entries(string log)
    {
        var ann = await server.SignInAsync();
        await Eventually.IsTrue(
            async () => (int)(await GetAsync($"/v1/audit/{log}/checkpoint", ann.Access)).StatusCode == 200,
            "the log has a checkpoint");
        var list = (await server.GetAsync($"/v1/audit/checkpoints?log={log}&limit=1", ann.Access)).Is(200);
        var (vkey, newest) = (list.Text("vkey"), list["checkpoints"][0]);
        var (size, root) = ProofCheck.OpenNote(newest.GetProperty("note").GetString()!, vkey);
        Assert.Equal((size, root), (newest.GetProperty("size").GetInt64(), newest.GetProperty("root").GetString()));
        Assert.EndsWith("/" + log, vkey.Split('+')[0]);

        var checkpoint = await GetAsync($"/v1/audit/{log}/checkpoint", ann.Access);
        Assert.Equal("text/plain; charset=utf-8", checkpoint.Content.Headers.ContentType!.ToString());
        Assert.True(checkpoint.Headers.CacheControl!.MaxAge <= TimeSpan.FromSeconds(10));
        var first = await GetAsync($"/v1/audit/{log}/tile/entries/000.p/1", ann.Access);
        var genesis = (await first.Content.ReadAsByteArrayAsync())[2..];
        Assert.StartsWith("chatcqrs/genesis/v1\norigin ", System.Text.Encoding.UTF8.GetString(genesis));
        var tile = await GetAsync($"/v1/audit/{log}/tile/0/000.p/1", ann.Access);
        Assert.Equal("application/octet-stream", tile.Content.Headers.ContentType!.ToString());
        Assert.Equal(
            System.Security.Cryptography.SHA256.HashData([0, .. genesis]), await tile.Content.ReadAsByteArrayAsync());
        Assert.Equal("private, max-age=31536000, immutable", Cached(tile));
        using var again = new HttpRequestMessage(HttpMethod.Get, $"/v1/audit/{log}/tile/0/000.p/1");
        again.Headers.IfNoneMatch.Add(tile.Headers.ETag!);
        again.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ann.Access);
        Assert.Equal(304, (int)(await server.Http.SendAsync(again)).StatusCode);

        foreach (var path in new[] { "0/000", "0/001", "0/000.p/255", "0/000.p/0", "3/000.p/1", "0/0", "entries/001" })
            (await server.GetAsync($"/v1/audit/{log}/tile/{path}", ann.Access)).IsProblem(404, "tile_unknown");
        foreach (var path in new[] { "checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1" })
            Assert.Equal(401, (await server.GetAsync($"/v1/audit/{log}/{path}")).Status);
    }

    [Fact]
    public async Task Checkpoints_are_listed_page_by_page()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        await Eventually.IsTrue(
            async () =>
            {
                await SendAsync(ann, ben);
                return (await server.GetAsync("/v1/audit/checkpoints", ann.Access)).Is(200)["checkpoints"]
                    .GetArrayLength() >= 3;
            },
            "there are three checkpoints");
        var first = (await server.GetAsync("/v1/audit/checkpoints?limit=2", ann.Access)).Is(200);
        var second = (await server.GetAsync(
            $"/v1/audit/checkpoints?limit=2&cursor={first.Text("next_cursor")}", ann.Access)).Is(200);

        var sizes = first["checkpoints"].EnumerateArray().Concat(second["checkpoints"].EnumerateArray())
            .Select(checkpoint => checkpoint.GetProperty("size").GetInt64()).ToList();
        Assert.Equal(sizes.Distinct().OrderDescending(), sizes);
        (await server.GetAsync("/v1/audit/checkpoints?log=other", ann.Access)).IsProblem(400, "invalid");
        (await server.GetAsync("/v1/audit/checkpoints?limit=0", ann.Access)).IsProblem(400, "invalid");
        (await server.GetAsync("/v1/audit/checkpoints?cursor=x", ann.Access)).IsProblem(400, "invalid_cursor");
        Assert.Equal(401, (await server.GetAsync("/v1/audit/checkpoints")).Status);
    }

    private async Task<string> SendAsync(Tokens from, Tokens to)
    {
        var sent = (await server.PostAsync(
            "/v1/messages", new { message_id = Guid.NewGuid(), receiver_id = to.User, type = "text", text = "hello" },
            from.Access)).Is(201);
        return sent.Text("conversation_id");
    }

    /// <summary>Waits until the log has the conversation up to a seq, and checks the proof.</summary>
    private async Task<ProofCheck> ProvenAsync(string path, string token, long last)
    {
        ProofCheck? check = null;
        await Eventually.IsTrue(
            async () =>
            {
                var answer = await GetAsync(path, token);
                if ((int)answer.StatusCode != 200)
                {
                    Assert.Contains("not_logged_yet", await answer.Content.ReadAsStringAsync());
                    return false;
                }

                Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
                var vkey = (await server.GetAsync("/v1/audit/checkpoints", token)).Text("vkey");
                check = ProofCheck.Of(await answer.Content.ReadAsStringAsync(), vkey);
                return check.Head[2].EndsWith($" {last}", StringComparison.Ordinal);
            },
            "the log has the conversation's newest head");
        return check!;
    }

    private async Task<string> TextAsync(string path, string token)
    {
        var answer = await GetAsync(path, token);
        Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await server.Http.SendAsync(request);
    }

    private static string Cached(HttpResponseMessage answer) => answer.Headers.NonValidated["Cache-Control"].ToString();

    /// <summary>The hash at the end of the metadata of a conversation's last event.</summary>
    private async Task<string> StoredHashAsync(string conversation)
    {
        await using var command = server.Database.CreateCommand(
            """
            SELECT convert_from(e.metadata, 'UTF8')::json ->> 'hash' FROM chat.log_events e
            JOIN chat.log_streams s ON s.key = e.stream_key WHERE s.name = $1 ORDER BY e.revision DESC LIMIT 1
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = $"conversation-{conversation}" });
        return (string)(await command.ExecuteScalarAsync())!;
    }
}

/// <summary>A log that is public.</summary>
public sealed class PublicAuditLogTests(PublicAuditServer server) : IClassFixture<PublicAuditServer>
{
    [Fact]
    public async Task Everybody_reads_a_public_log_and_nothing_more()
    {
        await Eventually.IsTrue(
            async () => (int)(await server.Http.GetAsync("/v1/audit/heads/checkpoint")).StatusCode == 200,
            "the log has a checkpoint");
        var tile = await server.Http.GetAsync("/v1/audit/heads/tile/0/000.p/1");
        Assert.Equal(200, (int)tile.StatusCode);
        Assert.Equal(
            "public, max-age=31536000, immutable", tile.Headers.NonValidated["Cache-Control"].ToString());
        Assert.StartsWith(
            "chat.example.org/v1/audit/heads\n", await server.Http.GetStringAsync("/v1/audit/heads/checkpoint"));
        using var head = new HttpRequestMessage(HttpMethod.Head, "/v1/audit/heads/checkpoint");
        Assert.Equal(200, (int)(await server.Http.SendAsync(head)).StatusCode);

        foreach (var path in new[]
        {
            "/v1/audit/checkpoints", "/v1/audit/heads/batches/1/openings", $"/v1/conversations/{Guid.NewGuid()}/proof",
        })
            Assert.Equal(401, (await server.GetAsync(path)).Status);
    }
}
