using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>PostgreSQL is lost and restored from a backup, as docs/operations.md describes.</summary>
public sealed class RestoreSpecs
{
    [OwnServerFact]
    public async Task A_restored_backup_brings_back_messages_but_not_users_erased_since()
    {
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Erasure__SweepEvery"] = "00:00:01";
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob, cid) = (
            await Person.RegisterAsync(server.Api, name: "Ada"),
            await Person.RegisterAsync(server.Api, name: "Bob"),
            await Person.RegisterAsync(server.Api, name: "Cid"));
        using var adas = new Media(ada);
        using var bobs = new Media(bob);
        var picture = Media.Picture();
        var file = (await adas.UploadAsync(picture)).FileId;
        var before = await ada.SayAsync(bob, "before the backup");
        await adas.SendAsync(bob, file);
        var cids = await cid.SayAsync(bob, "the words of Cid");
        await bob.ConfirmAsync(before.ConversationId, delivered: before.Seq, read: before.Seq);

        var backup = await deployment.BackUpAsync();
        var since = Draft.To(bob.Id, "since the backup");
        (await ada.PostMessageAsync(since)).Expect(201);
        (await cid.DeleteAsync("/v1/users/me")).Expect(204);
        await server.StopAsync();

        await deployment.RestoreAsync(backup);
        if (Surroundings.EventStore is null) // Otherwise the log, which is not lost, holds the erasure.
            await deployment.Postgres.ExecuteAsync(
                $"INSERT INTO chat.erasures (user_id, requested_at) VALUES ('{cid.Id}', now()) ON CONFLICT DO NOTHING");
        await server.StartAsync();

        await Eventually.BeAsync(
            async () => (await bob.GetAsync($"/v1/users/{cid.Id}")).Status == 404, "Cid is gone again");
        await Eventually.BeAsync(
            async () => (await deployment.Stored().SearchAsync("the words of Cid")) is { Opened: [], Plain: [] },
            "so is what Cid wrote");
        Assert.Null((await bob.MessageAsync(cids.ConversationId, cids.MessageId)).Text);
        Assert.Equal("before the backup", (await bob.MessageAsync(before.ConversationId, before.MessageId)).Text);
        Assert.Equal(picture, await bobs.BytesAsync(file));
        Assert.NotNull((await ada.RecipientAsync(before.ConversationId, before.MessageId)).ReadAt);

        // A client retries the message sent since the backup. It is stored once, in a gap-free order.
        (await ada.PostMessageAsync(since)).Expect(Surroundings.EventStore is null ? 201 : 200);
        await bob.SayAsync(ada, "it goes on");
        var entries = await bob.TimelineAsync(before.ConversationId);
        Assert.Equal(
            ["before the backup", "since the backup", "it goes on"],
            entries.Select(entry => entry.Message?.Text).OfType<string>());
        foreach (var conversation in new[] { before.ConversationId, cids.ConversationId })
            await deployment.IsUnbrokenAsync(conversation);
    }
}
