using System.Collections.Concurrent;
using System.Diagnostics;
using ChatCqrs.Acceptance;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Client.Acceptance;

/// <summary>Whatever is killed under two clients: what was written arrives, once and in order.</summary>
[Trait(AloneCollection.Trait, AloneCollection.Name)]
public sealed class ChaosSpecs
{
    private const int Kills = 20, StoreKills = 3, Messages = 500;

    /// <summary>The whole of it, but for the server's own starts: those are slow where the machine is busy.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(2);

    [OwnServerFact]
    public async Task A_server_killed_20_times_and_its_store_3_times_loses_doubles_and_reorders_nothing()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var deployment = await Deployment.CreateAsync(postgres.Uri);
        await using var server = await ServerProcess.StartAsync(deployment);
        using var tap = new WireTap();
        await using var ada = await Party.JoinAsync(Watched(server.Address, tap), "Ada");
        await using var ben = await Party.JoinAsync(Watched(server.Address, tap), "Ben");
        var talk = await ContractSpecs.StartAsync(ada, ben);
        var clock = Stopwatch.StartNew();
        var acknowledged = new ConcurrentDictionary<Guid, long>();
        var sent = new List<OutgoingMessage>();

        // A kill after every twentieth part of the messages: each happens while some are on their way.
        for (var kill = 0; kill <= Kills; kill++)
        {
            for (var i = 0; i < Messages / Kills && sent.Count < Messages; i++)
            {
                var party = sent.Count % 2 == 0 ? ada : ben;
                var message = await party.Client.Conversation(talk).SendAsync($"{sent.Count}");
                _ = message.Acked.ContinueWith(
                    acked => acknowledged[message.Id] = acked.Result.Seq,
                    TaskContinuationOptions.OnlyOnRanToCompletion);
                sent.Add(message);
            }

            if (kill == Kills)
                break;
            if (kill % 2 == 0) // Half of the kills hit some that are on their way, half a quiet moment after them.
                await Eventually.BeAsync(() => acknowledged.Count >= sent.Count - 5, "most are sent", Most);
            await server.KillAsync();
            clock.Stop();
            if (kill % (Kills / StoreKills) == 1 && kill < StoreKills * (Kills / StoreKills))
            {
                await postgres.KillAsync();
                await postgres.RestartAsync();
            }

            await server.StartAsync();
            clock.Start();
        }

        await Eventually.BeAsync(() => acknowledged.Count == Messages, "all are acknowledged", Most - clock.Elapsed);
        foreach (var party in new[] { ada, ben })
            await Eventually.BeAsync(
                () => party.Messages(talk).Count >= Messages, "all have arrived", Most - clock.Elapsed);
        Assert.True(clock.Elapsed < Most, $"It took {clock.Elapsed}.");

        Assert.All(sent, message => Assert.Equal(OutgoingStatus.Sent, message.Status));
        foreach (var party in new[] { ada, ben })
        {
            var messages = party.Messages(talk);
            Assert.Equal(Messages, messages.Count);
            Assert.Equal(messages.Select(message => message.Seq).Order(), messages.Select(message => message.Seq));
            Assert.All(messages, message => Assert.Equal(acknowledged[message.MessageId], message.Seq));
            foreach (var author in new[] { ada, ben })
                Assert.Equal(
                    sent.Where((_, i) => (i % 2 == 0 ? ada : ben) == author).Select(message => message.Id),
                    messages.Where(message => message.SenderId == author.Id).Select(message => message.MessageId));
            Assert.DoesNotContain(
                party.Seen.OfType<StateChanged>(), e => e.State.Status == ClientStatus.SignedOut);
        }

        // Whatever was sent again had its first id and its first text.
        Assert.Equal(
            sent.Select(message => (message.Id, message.Content.Text)).ToHashSet(), tap.Sent.ToHashSet());
        await deployment.IsUnbrokenAsync(talk);
    }

    private static ChatClient Watched(Uri server, WireTap tap) =>
        new(new ChatClientOptions { Url = server }, tap, network: null, random: null);
}

/// <summary>The server, or the client, is away for a while.</summary>
public sealed class AwaySpecs
{
    [OwnServerFact]
    public async Task A_server_that_hangs_is_noticed_and_used_again_when_it_goes_on()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        static void Impatient(ChatClientOptions options) =>
            (options.PingEvery, options.PongWithin) = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        await using var ada = await Party.JoinAsync(server.Address, "Ada", configure: Impatient);
        await using var ben = await Party.JoinAsync(server.Address, "Ben", configure: Impatient);
        var talk = await ContractSpecs.StartAsync(ada, ben);

        server.Suspend();
        var noticed = Stopwatch.StartNew();
        var sent = await ada.Client.Conversation(talk).SendAsync("is anybody there?");
        await ada.UntilAsync(party => party.Client.State.Status is not ClientStatus.Live);
        Assert.True(noticed.Elapsed < TimeSpan.FromSeconds(10), $"It took {noticed.Elapsed}.");
        server.Continue();

        await sent.Acked.WaitAsync(Eventually.Deadline);
        await ben.UntilAsync(party => party.Messages(talk).Count == 1);
        Assert.Equal(sent.Id, ben.Messages(talk)[0].MessageId);
    }

    [OwnServerFact]
    public async Task A_client_that_ends_with_messages_in_its_outbox_sends_them_when_it_starts_again()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var folder = Directory.CreateTempSubdirectory("chatcqrs-client-");
        try
        {
            await using var ben = await Party.JoinAsync(server.Address, "Ben");
            Guid talk;
            string phone;
            var ids = new List<Guid>();
            await using (var ada = await Party.JoinAsync(server.Address, "Ada", new FileStorage(folder.FullName)))
            {
                (talk, phone) = (await ContractSpecs.StartAsync(ada, ben), ada.Phone);
                await server.KillAsync();
                for (var i = 0; i < 20; i++)
                    ids.Add((await ada.Client.Conversation(talk).SendAsync($"{i}")).Id);
            }

            await server.StartAsync();
            ben.Client.TryNow(); // A slow start makes the next attempt up to 30 s late, longer than the deadline.
            await using var again = await Party.JoinAsync(
                server.Address, "Ada", new FileStorage(folder.FullName), phone: phone);

            await ben.UntilAsync(party => party.Messages(talk).Count >= 20);
            Assert.Equal(ids, ben.Messages(talk).Select(message => message.MessageId));
            await Eventually.BeAsync(() => again.Client.Outbox.Count == 0, "the outbox is empty");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}

/// <summary>A socket that stays open for longer than its token.</summary>
public sealed class TokenSpecs
{
    [OwnServerFact]
    public async Task Tokens_that_end_after_a_minute_are_exchanged_on_the_open_socket()
    {
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Tokens__AccessMinutes"] = "1";
        await using var server = await ServerProcess.StartAsync(deployment);
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        var talk = await ContractSpecs.StartAsync(ada, ben);
        var clock = Stopwatch.StartNew();
        for (var i = 0; clock.Elapsed < TimeSpan.FromSeconds(70); i++)
        {
            var sent = await ada.Client.Conversation(talk).SendAsync($"{i}");
            await sent.Acked.WaitAsync(Eventually.Deadline);
            await Eventually.BreatheAsync();
        }

        Assert.Single(ada.Seen.OfType<CaughtUp>());
        Assert.DoesNotContain(ada.Seen.OfType<StateChanged>(), e => e.State.Status == ClientStatus.Waiting);
    }
}
