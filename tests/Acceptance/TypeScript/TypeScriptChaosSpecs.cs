using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance.TypeScript;

/// <summary>Clients of the TypeScript SDK while their server and its store are killed, or hang.</summary>
[Collection(AloneCollection.Name)]
[Trait(AloneCollection.Trait, AloneCollection.Name)]
public sealed class TypeScriptChaosSpecs
{
    private const int Messages = 500;
    private const int ServerKills = 20;
    private const int StoreKills = 3;
    private const int KillsMin = 6;

    /// <summary>The time that killing may take. A machine that starts servers slowly gets fewer kills.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [NodeFact(ownServer: true)]
    public async Task Five_hundred_messages_arrive_once_and_in_order_while_the_server_is_killed_6_to_20_times()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var deployment = await Deployment.CreateAsync(postgres.Uri);
        await using var server = await ServerProcess.StartAsync(deployment);
        await using var node = await TypeScriptSdk.StartAsync(
            "specs/chaos.js", server.Url(), string.Create(CultureInfo.InvariantCulture, $"{Messages / 2}"));
        await node.LineAsync(line => line == "ready", "both are connected");

        var clock = Stopwatch.StartNew();
        var kills = 0;
        for (var kill = 1; kill <= ServerKills && clock.Elapsed < Bound; kill++, kills++)
        {
            var enough = kill * Messages / (ServerKills + 1);
            await Eventually.BeAsync(
                () => Acked(node) >= enough || node.HasEnded, $"{enough} messages are acknowledged:\n{node.Output}",
                TimeSpan.FromSeconds(60));
            if (kill % (ServerKills / StoreKills) == 0)
            {
                await postgres.KillAsync();
                await server.KillAsync();
                await postgres.RestartAsync();
            }
            else
            {
                await server.KillAsync();
            }
            await server.StartAsync();
            await node.WriteAsync("The server is back.");
        }

        Assert.InRange(kills, KillsMin, ServerKills);
        var json = await node.LineAsync(
            line => line.StartsWith('{'), $"everything has come after {kills} kills", TimeSpan.FromSeconds(60));
        Verify(JsonSerializer.Deserialize<JsonElement>(json));
        await node.EndedAsync(Eventually.Deadline);
    }

    [NodeFact(ownServer: true)]
    public async Task A_server_that_hangs_is_noticed_within_35_seconds()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        await using var node = await TypeScriptSdk.StartAsync("specs/hang.js", server.Url());
        await node.LineAsync(line => line == "live", "it is connected");

        server.Suspend();
        await node.WriteAsync("It hangs.");
        var noticed = await node.LineAsync(
            line => line.StartsWith("noticed", StringComparison.Ordinal), "it is noticed", TimeSpan.FromSeconds(50));
        server.Continue();

        Assert.InRange(int.Parse(noticed.Split(' ')[1], CultureInfo.InvariantCulture), 0, 36_000);
        await node.LineAsync(line => line == "live again", "it is connected again", TimeSpan.FromSeconds(60));
    }

    private static void Verify(JsonElement result)
    {
        Assert.Equal(0, result.GetProperty("states").GetProperty("signed_out").GetInt32());
        Assert.Equal(0, result.GetProperty("waiting").GetInt32());
        var sent = result.GetProperty("sent").EnumerateArray()
            .Select(one => one.EnumerateArray().Select(id => id.GetString()!).ToList()).ToList();
        var stored = Places(result.GetProperty("stored"));
        var acked = Places(result.GetProperty("acked"));

        Assert.Equal(Messages, stored.Count);
        Assert.Equal(Messages, stored.Select(message => message.Id).Distinct().Count());
        Assert.Equal(stored.OrderBy(message => message.Seq), acked.OrderBy(ack => ack.Seq)); // Each acknowledged once.
        Assert.Equal(stored.Select(message => message.Id).Order(), result.Texts("wire").Order()); // No other id.
        foreach (var ids in sent) // In the order in which each sent them.
            Assert.Equal(ids, stored.Select(message => message.Id).Where(ids.Contains));
        foreach (var received in result.GetProperty("received").EnumerateArray())
            Assert.Equal(stored, Places(received));
    }

    private static List<(string Id, long Seq)> Places(JsonElement list) =>
    [
        .. list.EnumerateArray()
            .Select(one => (one.GetProperty("id").GetString()!, one.GetProperty("seq").GetInt64())),
    ];

    private static int Acked(NodeProgram node) =>
        node.Lines.Count(line => line.StartsWith("acked", StringComparison.Ordinal));
}

/// <summary>Clients of the TypeScript SDK whose server was restored from a backup.</summary>
public sealed class TypeScriptResetSpecs
{
    [NodeFact(ownServer: true)]
    public async Task Entries_that_the_server_lost_are_dropped_and_their_places_taken_anew()
    {
        if (Surroundings.EventStore is not null) return; // The backup is of PostgreSQL.
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var admin = await Person.RegisterAsync(server.Api, Phones.Admin);
        await using var node = await TypeScriptSdk.StartAsync("specs/reset.js", server.Url());
        await node.LineAsync(line => line == "backup", "the first message is there");
        var backup = await deployment.BackUpAsync();
        await node.WriteAsync("");
        await node.LineAsync(line => line == "lose", "the second message is there");
        await server.StopAsync();
        await deployment.RestoreAsync(backup);
        await server.StartAsync();
        (await admin.PostAsync("/v1/admin/log/incarnation", null)).Expect(200, 204);
        await node.WriteAsync("");

        var result = JsonSerializer.Deserialize<JsonElement>(
            await node.LineAsync(line => line.StartsWith('{'), "they have gone on", TimeSpan.FromSeconds(60)));
        var (lost, reset) = (result.GetProperty("lost").GetInt64(), result.GetProperty("reset").GetInt64());
        Assert.Equal((lost - 1, lost), (reset, result.GetProperty("after").GetInt64()));
        Assert.Equal(["live", "live"], result.Texts("states"));
        Assert.Equal(["kept", "after"], result.Texts("stored"));
        Assert.Equal(["kept", "lost", "after"], result.Texts("adas"));
        Assert.Equal(["kept", "lost", "after"], result.Texts("bobs"));
    }
}

internal static class ChaosParts
{
    public static string[] Texts(this JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(one => one.GetString()!)];

    public static string Url(this ServerProcess server) => server.Address.AbsoluteUri.TrimEnd('/');
}
