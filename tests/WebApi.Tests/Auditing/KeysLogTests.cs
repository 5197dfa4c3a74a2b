using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using NSec.Cryptography;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>A server that finishes erasures within seconds, with a batch every second.</summary>
public sealed class ErasingAuditServer : AuditServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Erasure:SweepEvery", "00:00:01")];
}

/// <summary>The log of keys over REST, and what an erasure leaves in both logs.</summary>
public sealed class KeysLogTests(ErasingAuditServer server) : IClassFixture<ErasingAuditServer>
{
    [Fact]
    public async Task A_list_of_devices_is_served_as_soon_as_it_is_logged()
    {
        var ann = await server.SignInAsync();
        using var key = Key.Create(SignatureAlgorithm.Ed25519);
        var device = new ListedDevice(
            new DeviceId(Guid.CreateVersion7()), key.PublicKey.Export(KeyBlobFormat.RawPublicKey),
            DateTimeOffset.UnixEpoch);

        var (statement, place) = await LogAsync(ann, device);

        var list = (await server.GetAsync("/v1/audit/checkpoints?log=keys&limit=1", ann.Access)).Is(200);
        var (size, _) = ProofCheck.OpenNote(list["checkpoints"][0].GetProperty("note").GetString()!, list.Text("vkey"));
        Assert.True(size > place);
        Assert.StartsWith(
            list.Text("vkey").Split('+')[0] + $"\n{size}\n",
            Encoding.UTF8.GetString(await BytesAsync("/v1/audit/keys/checkpoint", ann.Access)));
        var bundle = await BytesAsync($"/v1/audit/keys/tile/entries/000.p/{size}", ann.Access);
        var entry = Encoding.UTF8.GetString(bundle).Split("chatcqrs/device-list/v1\n")[(int)place].Split('\n');
        Assert.Equal(["0", Convert.ToBase64String(SHA256.HashData(statement))], entry[1..3]);
        var leaves = await BytesAsync($"/v1/audit/keys/tile/0/000.p/{size}", ann.Access);
        var lines = $"chatcqrs/device-list/v1\n{string.Join('\n', entry[..4])}\n";
        Assert.Equal(
            SHA256.HashData([0, .. Encoding.UTF8.GetBytes(lines)]),
            leaves[((int)place * 32)..(((int)place + 1) * 32)]);
        await AssertVerifiesAsync(list.Text("vkey"), ann.Access);
    }

    [Fact]
    public async Task An_erasure_blanks_the_accounts_heads_and_removes_its_lists()
    {
        var ann = await server.SignInAsync();
        await LogAsync(ann);
        var id = Guid.Parse(ann.User);
        var (name, bytes) = ($"audit:user-{id}", id.ToByteArray(bigEndian: true));
        await Eventually.IsTrue(
            async () => await CountAsync(
                "SELECT count(*) FROM chat.audit_batches WHERE position($1 IN openings) > 0", bytes) > 0,
            "a batch has the account's head");

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        await Eventually.IsTrue(
            async () => await CountAsync(
                "SELECT count(*) FROM chat.secrets WHERE name = $1 AND wrapped IS NULL", name) == 1,
            "the secret of the salts is shredded");
        await Eventually.IsTrue(
            async () => await CountAsync(
                "SELECT count(*) FROM chat.audit_batches WHERE position($1 IN openings) > 0", bytes) == 0,
            "no batch has the account's head");
        byte[] label = SHA256.HashData([.. "chatcqrs device label v1\0"u8, .. bytes]);
        Assert.Equal(0, await CountAsync(
            "SELECT count(*) FROM chat.audit_statements WHERE label = $1 AND statement IS NOT NULL", label));
        Assert.Equal(1, await CountAsync("SELECT count(*) FROM chat.audit_statements WHERE label = $1", label));
    }

    /// <summary>Logs the user's first statement.</summary>
    private async Task<(byte[] Statement, long Place)> LogAsync(
        Tokens user, params IReadOnlyCollection<ListedDevice> devices)
    {
        var lists = server.Services.GetRequiredService<DeviceLists>();
        var draft = await lists.DraftAsync(new UserId(Guid.Parse(user.User)), devices, isReset: false, default);
        var statement = draft.Encode();
        var logged = Assert.IsType<DeviceListOutcome.Logged>(await lists.AppendAsync(statement, default));
        return (statement, logged.Statement.Entry);
    }

    /// <summary>The verifier, which has no code of the server, accepts the log.</summary>
    private async Task AssertVerifiesAsync(string vkey, string token)
    {
        using var output = new StringWriter();
        using var network = new HttpClientHandler();
        var code = await Verify.Commands.RunAsync(
            ["log", $"{server.Http.BaseAddress}v1/audit/keys", "--vkey", vkey, "--token", token], output, output,
            network);
        Assert.True(code == 0, output.ToString());
        Assert.Contains("lists of devices of", output.ToString(), StringComparison.Ordinal);
    }

    private async Task<long> CountAsync(string sql, object value)
    {
        await using var command = server.Database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = value });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<byte[]> BytesAsync(string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        var answer = await server.Http.SendAsync(request);
        Assert.Equal(200, (int)answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync();
    }
}
