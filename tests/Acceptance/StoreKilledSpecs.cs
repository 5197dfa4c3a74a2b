using System.Diagnostics;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>
/// A store is killed under load: commands are refused with 503, and the product recovers within 10 s of the store's
/// return.
/// </summary>
[Collection(AloneCollection.Name)]
[Trait(AloneCollection.Trait, AloneCollection.Name)]
public sealed class StoreKilledSpecs
{
    private const int Pairs = 2;
    private const int Each = 150;

    /// <summary>The deadline for recovery once the store is back.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(10);

    [OwnServerFact]
    public async Task The_product_recovers_from_PostgreSQL_killed_under_load()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var deployment = await Deployment.CreateAsync(postgres.Uri);
        await SurviveAsync(
            deployment, postgres.KillAsync, postgres.RestartAsync, refusesMessages: Surroundings.EventStore is null);
    }

    [EventStoreFact]
    public async Task The_product_recovers_from_EventStoreDB_killed_under_load()
    {
        await using var deployment = await Deployment.CreateAsync();
        await SurviveAsync(
            deployment,
            () => Shell.RunLineAsync(Surroundings.EventStoreKill!),
            () => Shell.RunLineAsync(Surroundings.EventStoreStart!),
            refusesMessages: true);
    }

    private static async Task SurviveAsync(
        Deployment deployment, Func<Task> kill, Func<Task> restart, bool refusesMessages)
    {
        await using var server = await ServerProcess.StartAsync(deployment);
        var ledger = new Ledger();
        var correspondences = new List<Correspondence>();
        for (var i = 0; i < Pairs; i++)
            correspondences.Add(await Correspondence.BeginAsync(server.Api, server.Api, Each, ledger));
        var (ada, bob) = (await Person.RegisterAsync(server.Api), await Person.RegisterAsync(server.Api, name: "Bob"));
        var before = await ada.SayAsync(bob, "before");
        await using var socket = await ada.ConnectAsync();

        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var running = Task.WhenAll(
            correspondences.Select(correspondence => Task.Run(() => correspondence.RunAsync(deadline.Token))));
        for (var round = 1; round <= 2; round++)
        {
            var enough = round * Pairs * 2 * Each / 3;
            await Eventually.BeAsync(
                () => ledger.Acknowledged.Count >= enough || running.IsFaulted, $"{enough} messages are acknowledged");
            if (running.IsFaulted) await running;
            await kill();
            var draft = Draft.To(bob.Id, $"while it was down, {round}");
            if (refusesMessages) await IsRefusedAsync(server, ada, socket, draft);
            await restart();
            await RecoversAsync(server, ada, draft);
        }
        await running;
        foreach (var correspondence in correspondences) await correspondence.VerifyAsync(inTheOrderSent: false);
        Assert.Equal(["before", "while it was down, 1", "while it was down, 2"],
            (await bob.TimelineAsync(before.ConversationId, 3)).Skip(1).Select(entry => entry.Message!.Text));
    }

    private static async Task IsRefusedAsync(ServerProcess server, Person ada, ChatSocket socket, Draft draft)
    {
        // A refusal must come within seconds, before a client gives up. Answer checks its Retry-After.
        for (var i = 0; i < 3; i++)
        {
            var clock = Stopwatch.StartNew();
            (await ada.PostMessageAsync(draft)).Expect(503);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(15), $"The refusal took {clock.Elapsed}.");
        }
        if (!socket.IsClosed)
        {
            var other = Draft.To(Guid.CreateVersion7(), "x")
                .With("receiver_id", draft["receiver_id"]).With("text", draft["text"]).With("message_id", draft.Id);
            var mark = socket.Mark();
            await socket.SendAsync(other);
            await Eventually.BeAsync(
                () => socket.IsClosed || socket.Frames(mark).Any(f => ChatSocket.AnswersTo(f, draft.Id)),
                "the frame is answered");
            foreach (var frame in socket.Frames(mark).Where(f => ChatSocket.AnswersTo(f, draft.Id)))
            {
                Assert.True(frame.Op == "error", frame.Raw);
                Problems.Check(frame.Body.GetProperty("problem"), 503, frame.Raw);
            }
        }
        var start = new { type = "direct", member_ids = new[] { draft["receiver_id"] } };
        (await server.Api.PostAsync("/v1/conversations", start, ada.Token)).Expect(503, 200);
        (await server.Api.GetAsync("/health/live")).Expect(200);
        await Eventually.BeAsync(
            async () => (await server.Api.GetAsync("/health/ready")).Status == 503, "it says that it is not ready");
    }

    private static async Task RecoversAsync(ServerProcess server, Person ada, Draft draft)
    {
        var clock = Stopwatch.StartNew();
        await Eventually.BeAsync(
            async () => (await ada.PostMessageAsync(draft)).Expect(200, 201, 503).Status != 503,
            "messages are taken again",
            Recovery);
        await Eventually.BeAsync(
            async () => (await server.Api.GetAsync("/health/ready")).Status == 200,
            "it says that it is ready",
            Recovery - clock.Elapsed);
        var sent = (await ada.PostMessageAsync(draft)).Expect(200);
        var path = $"/v1/conversations/{sent.Read<Sent>().ConversationId}/messages/{draft.Id}";
        await Eventually.BeAsync(
            async () => (await ada.GetAsync(path, sent.Position)).Expect(200, 503).Status == 200,
            "the read side has caught up", Recovery - clock.Elapsed);
    }
}
