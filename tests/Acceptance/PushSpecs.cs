using System.Text;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Who is away is woken, without a word of what was written.</summary>
public sealed class PushSpecs
{
    [OwnServerFact]
    public async Task Who_is_away_is_woken_also_when_the_server_is_killed_meanwhile_and_who_is_gone_is_forgotten()
    {
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Push__AllowPrivateEndpoints"] = "true";
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob) = (await Person.RegisterAsync(server.Api, name: "Ada"), await Person.RegisterAsync(server.Api, name: "Bob"));
        using var browser = new PushEndpoint();
        Assert.False(string.IsNullOrEmpty((await bob.GetAsync("/v1/push/vapid-public-key")).Expect(200).Json.Text("public_key")));
        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(201);

        var sent = await ada.SayAsync(bob, "a secret that no push service may see");
        await Eventually.BeAsync(() => browser.Bodies.Count > 0, "Bob is woken");
        var payload = browser.Read(browser.Bodies[0]);
        Assert.Equal(["unread", "conversation_id"], payload.EnumerateObject().Select(member => member.Name));
        Assert.Equal((1, sent.ConversationId), (payload.Number("unread"), payload.Id("conversation_id")));
        Assert.DoesNotContain("secret", Encoding.UTF8.GetString(browser.Bodies[0]), StringComparison.Ordinal);

        // Killed between the message and its wake-up.
        await ada.SayAsync(bob, "another one");
        await server.KillAsync();
        await server.StartAsync();
        await Eventually.BeAsync(() => browser.Bodies.Count > 1, "Bob is woken in spite of it", TimeSpan.FromSeconds(60));
        Assert.Equal(2, browser.Read(browser.Bodies[^1]).Number("unread"));
        Assert.InRange(browser.Bodies.Count, 2, 3);

        browser.Status = 410;
        await ada.SayAsync(bob, "and one more");
        await Eventually.BeAsync(
            async () => (await bob.GetAsync("/v1/push-subscriptions")).Expect(200).Json.GetProperty("subscriptions").GetArrayLength() == 0,
            "the browser is forgotten", TimeSpan.FromSeconds(60));
    }

    [OwnServerFact]
    public async Task Killed_while_it_wakes_somebody_the_server_does_so_once_more()
    {
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Push__AllowPrivateEndpoints"] = "true";
        deployment.Settings["Push__MergeWindow"] = "00:00:00.500";
        deployment.Settings["Push__RetryFirst"] = "00:00:00.500";
        deployment.Settings["Media__CollectEvery"] = "00:00:01"; // So often are jobs looked for.
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob) = (await Person.RegisterAsync(server.Api, name: "Ada"), await Person.RegisterAsync(server.Api, name: "Bob"));
        using var browser = new PushEndpoint();
        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(201);
        var patience = new TaskCompletionSource();
        browser.Patience = patience.Task;

        await ada.SayAsync(bob, "hello");
        await Eventually.BeAsync(() => browser.Bodies.Count == 1, "the push service is asked");
        await server.KillAsync();
        patience.SetResult();
        await server.StartAsync();

        // Nobody knows whether it was heard: that was one attempt, and the next one is due.
        await Eventually.BeAsync(() => browser.Bodies.Count == 2, "it is asked once more", TimeSpan.FromSeconds(60));
        await ada.SayAsync(bob, "hello again");
        await Eventually.BeAsync(() => browser.Bodies.Count > 2, "the next wake-up comes", TimeSpan.FromSeconds(60));
        Assert.Equal([1, 1, 2], browser.Bodies.Select(body => browser.Read(body).Number("unread")));
    }

    [OwnServerFact]
    public async Task Nobody_has_the_server_knock_at_doors_that_only_it_can_reach()
    {
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var bob = await Person.RegisterAsync(server.Api);
        using var browser = new PushEndpoint();

        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(400);
        Assert.Empty(browser.Bodies);
    }
}
