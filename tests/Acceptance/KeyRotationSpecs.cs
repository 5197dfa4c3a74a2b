using System.Security.Cryptography;
using System.Text.Json;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;
using Npgsql;

namespace ChatCqrs.Acceptance;

/// <summary>
/// Rotates the master key as docs/operations.md describes, then drops the old key. All content still opens.
/// </summary>
public sealed class KeyRotationSpecs
{
    [OwnServerFact]
    public async Task Content_still_opens_after_the_master_key_is_rotated_and_dropped()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob) = (
            await Person.RegisterAsync(server.Api, name: "Ada"), await Person.RegisterAsync(server.Api, name: "Bob"));
        var before = await ada.SayAsync(bob, "before the rotation");
        await server.StopAsync();

        var file = Path.Combine(deployment.DataFolder, "master-keys.json");
        var keys = JsonSerializer.Deserialize<Dictionary<string, string>>(await File.ReadAllTextAsync(file))!;
        keys["second"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(keys));
        (deployment.Settings["Sealing__MasterKeyFile"], deployment.Settings["Sealing__CurrentKey"]) = (file, "second");
        await server.StartAsync();
        await Eventually.BeAsync(
            async () => await UnderAnotherKeyAsync(deployment) == 0, "every secret is wrapped under the second key");
        var between = await bob.SayAsync(ada, "while there are two keys");
        await server.StopAsync();

        await File.WriteAllTextAsync(
            file, JsonSerializer.Serialize(new Dictionary<string, string> { ["second"] = keys["second"] }));
        await server.StartAsync();

        Assert.Equal("before the rotation", (await bob.MessageAsync(before.ConversationId, before.MessageId)).Text);
        Assert.Equal(
            "while there are two keys", (await ada.MessageAsync(between.ConversationId, between.MessageId)).Text);
        Assert.Equal("Ada", (await bob.GetAsync($"/v1/users/{ada.Id}")).Expect(200).Json.Text("name"));
        Assert.Equal(ada.Id, (await ada.AddDeviceAsync()).Id); // Phones are looked up by keyed hashes.
        await ada.SayAsync(bob, "after it");
    }

    private static async Task<long> UnderAnotherKeyAsync(Deployment deployment)
    {
        await using var connection = await deployment.Postgres.OpenAsync();
        await using var command = new NpgsqlCommand(
            "SELECT count(*) FROM chat.secrets WHERE wrapped IS NOT NULL AND key_id <> 'second'", connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
