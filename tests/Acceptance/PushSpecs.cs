using System.Text;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Who is away is woken, without a word of what was written.</summary>
[Collection(ProductCollection.Name)]
public sealed class PushSpecs(Product product)
{
    [OwnServerFact]
    public async Task Who_is_away_is_woken_also_when_the_server_is_killed_meanwhile_and_who_is_gone_is_forgotten()
    {
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Push__AllowPrivateEndpoints"] = "true";
        deployment.Settings["Push__RetryFirst"] = "00:00:00.500";
        deployment.Settings["Media__CollectEvery"] = "00:00:01"; // So often are jobs looked for.
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob, cid) = (
            await Person.RegisterAsync(server.Api, name: "Ada"), await Person.RegisterAsync(server.Api, name: "Bob"), await Person.RegisterAsync(server.Api, name: "Cid"));
        using var browser = new PushEndpoint();
        using var cids = new PushEndpoint();
        Assert.False(string.IsNullOrEmpty((await bob.GetAsync("/v1/push/vapid-public-key")).Expect(200).Json.Text("public_key")));
        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(201);
        (await cid.PostAsync("/v1/push-subscriptions", cids.Subscription)).Expect(201);

        var sent = await ada.SayAsync(bob, "a secret that no push service may see");
        await Eventually.BeAsync(() => browser.Bodies.Count > 0, "Bob is woken");
        var payload = browser.Read(browser.Bodies[0]);
        Assert.Equal(["unread", "conversation_id"], payload.EnumerateObject().Select(member => member.Name));
        Assert.Equal((1, sent.ConversationId), (payload.Number("unread"), payload.Id("conversation_id")));
        Assert.DoesNotContain("secret", Encoding.UTF8.GetString(browser.Bodies[0]), StringComparison.Ordinal);

        // Killed while Cid's push service is being asked, and between Bob's message and its wake-up.
        var patience = new TaskCompletionSource();
        cids.Patience = patience.Task;
        await ada.SayAsync(cid, "hello");
        await Eventually.BeAsync(() => cids.Bodies.Count == 1, "Cid's push service is asked");
        await ada.SayAsync(bob, "another one");
        await server.KillAsync();
        patience.SetResult();
        await server.StartAsync();
        await Eventually.BeAsync(() => browser.Bodies.Count > 1, "Bob is woken in spite of it", TimeSpan.FromSeconds(60));
        Assert.Equal(2, browser.Read(browser.Bodies[^1]).Number("unread"));
        Assert.InRange(browser.Bodies.Count, 2, 3);

        // Nobody knows whether Cid's was heard: that was one attempt, and the next one is due, and no more.
        await Eventually.BeAsync(() => cids.Bodies.Count > 1, "Cid's push service is asked once more", TimeSpan.FromSeconds(60));
        await ada.SayAsync(cid, "hello again");
        await Eventually.BeAsync(() => cids.Bodies.Count > 2, "Cid's next wake-up comes", TimeSpan.FromSeconds(60));
        Assert.Equal([1, 1, 2], cids.Bodies.Select(body => (int)cids.Read(body).Number("unread")));

        browser.Status = 410;
        await ada.SayAsync(bob, "and one more");
        await Eventually.BeAsync(
            async () => (await bob.GetAsync("/v1/push-subscriptions")).Expect(200).Json.GetProperty("subscriptions").GetArrayLength() == 0,
            "the browser is forgotten", TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Nobody_has_the_server_knock_at_doors_that_only_it_can_reach()
    {
        var bob = await product.RegisterAsync();
        using var browser = new PushEndpoint();

        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(400);
        Assert.Empty(browser.Bodies);
    }
}
