using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>The promises of the contract hold after the server is stopped or killed and started again.</summary>
[Collection(AloneCollection.Name)]
[Trait(AloneCollection.Trait, AloneCollection.Name)]
public sealed class ServerKilledSpecs
{
    private const int Kills = 3;

    [OwnServerFact]
    public async Task A_server_killed_three_times_under_load_loses_and_duplicates_no_message()
    {
        const int pairs = 3, each = 200;
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var ledger = new Ledger();
        var correspondences = new List<Correspondence>();
        for (var i = 0; i < pairs; i++)
            correspondences.Add(await Correspondence.BeginAsync(server.Api, server.Api, each, ledger));

        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var running = Task.WhenAll(
            correspondences.Select(correspondence => Task.Run(() => correspondence.RunAsync(deadline.Token))));
        for (var kill = 1; kill <= Kills; kill++)
        {
            var enough = kill * pairs * 2 * each / (Kills + 1);
            await Eventually.BeAsync(
                () => ledger.Acknowledged.Count >= enough || running.IsFaulted, $"{enough} messages are acknowledged");
            if (running.IsFaulted) await running;
            await server.KillAsync();
            await server.StartAsync();
        }
        await running;
        Assert.Equal(pairs * 2 * each, ledger.Acknowledged.Count);
        foreach (var correspondence in correspondences) await correspondence.VerifyAsync();
    }

    [OwnServerFact]
    public async Task A_restarted_server_still_knows_tokens_retries_and_receipts()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob) = (
            await Person.RegisterAsync(server.Api, name: "Ada"), await Person.RegisterAsync(server.Api, name: "Bob"));
        await using var adas = await ada.ConnectAsync();
        var drafts = new List<(Draft Draft, Sent Sent)>();
        foreach (var kind in (string[])["version 4", "old version 7", "future version 7", "fresh version 7"])
        {
            var draft = Draft.To(bob.Id, $"first of {kind}", RetrySpecs.NewId(kind));
            drafts.Add((draft, await adas.SayAsync(draft)));
        }
        var conversation = drafts[0].Sent.ConversationId;
        await bob.ConfirmAsync(conversation, delivered: 3, read: 2);
        await adas.ReceiptAsync(conversation, bob.Id, delivered: 3, read: 2);

        await server.StopAsync();
        Assert.Equal(1001, await adas.ClosedAsync());
        await server.StartAsync();

        // Tokens are still valid, retries get their first answers, and receipts are unchanged.
        foreach (var (draft, sent) in drafts)
        {
            Assert.Equal(sent, (await ada.PostMessageAsync(draft)).Expect(200).Read<Sent>());
            (await ada.PostMessageAsync(draft.With("text", "changed"))).Expect(409, "message_id_reused");
        }
        await using var again = await ada.ConnectAsync();
        Assert.Equal(drafts[0].Sent, await again.SayAsync(drafts[0].Draft));
        var item = await bob.InboxItemAsync(conversation);
        Assert.Equal((4L, 2L, 3L, 2L), (item.LastSeq, item.UnreadCount, item.DeliveredSeq, item.ReadSeq));
        await using var bobs = await bob.ConnectAsync();
        Assert.Equal(drafts[3].Sent.MessageId, Assert.Single(bobs.Messages(conversation)).MessageId);
        var live = await again.SayAsync(Draft.In(conversation, "and on it goes"));
        Assert.Equal(5, live.Seq);
        await bobs.MessageAsync(live.MessageId);
        await ada.RefreshAsync();
    }
}
