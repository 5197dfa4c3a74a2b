using System.Text;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Pushes wake offline users and carry no content.</summary>
public sealed class PushSpecs(Product product) : IClassFixture<Product>
{
    [OwnServerFact]
    public async Task Offline_users_get_pushes_across_a_kill_and_gone_subscriptions_are_removed()
    {
        await using var deployment = await Deployment.CreateAsync();
        deployment.Settings["Push__AllowPrivateEndpoints"] = "true";
        deployment.Settings["Push__RetryFirst"] = "00:00:00.500";
        deployment.Settings["Media__CollectEvery"] = "00:00:01"; // Also the interval of polling for jobs.
        await using var server = await ServerProcess.StartAsync(deployment);
        var (ada, bob, cid) = (
            await Person.RegisterAsync(server.Api, name: "Ada"),
            await Person.RegisterAsync(server.Api, name: "Bob"),
            await Person.RegisterAsync(server.Api, name: "Cid"));
        using var browser = new PushEndpoint();
        using var cids = new PushEndpoint();
        Assert.False(
            string.IsNullOrEmpty(
                (await bob.GetAsync("/v1/push/vapid-public-key")).Expect(200).Json.Text("public_key")));
        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(201);
        (await cid.PostAsync("/v1/push-subscriptions", cids.Subscription)).Expect(201);

        var sent = await ada.SayAsync(bob, "a secret that no push service may see");
        await Eventually.BeAsync(() => browser.Bodies.Count > 0, "Bob is woken");
        var payload = browser.Read(browser.Bodies[0]);
        Assert.Equal(["unread", "conversation_id"], payload.EnumerateObject().Select(member => member.Name));
        Assert.Equal((1, sent.ConversationId), (payload.Number("unread"), payload.Id("conversation_id")));
        Assert.DoesNotContain("secret", Encoding.UTF8.GetString(browser.Bodies[0]), StringComparison.Ordinal);

        // The kill falls into the request to Cid's push service, and between Bob's message and its push.
        var patience = new TaskCompletionSource();
        cids.Patience = patience.Task;
        await ada.SayAsync(cid, "hello");
        await Eventually.BeAsync(() => cids.Bodies.Count == 1, "Cid's push service is asked");
        await ada.SayAsync(bob, "another one");
        await server.KillAsync();
        patience.SetResult();
        await server.StartAsync();
        await Eventually.BeAsync(
            () => browser.Bodies.Count > 1, "Bob is woken in spite of it", TimeSpan.FromSeconds(60));
        Assert.Equal(2, browser.Read(browser.Bodies[^1]).Number("unread"));
        Assert.InRange(browser.Bodies.Count, 2, 3);

        // The outcome of Cid's first request is unknown. It is repeated exactly once.
        await Eventually.BeAsync(
            () => cids.Bodies.Count > 1, "Cid's push service is asked once more", TimeSpan.FromSeconds(60));
        await ada.SayAsync(cid, "hello again");
        await Eventually.BeAsync(() => cids.Bodies.Count > 2, "Cid's next wake-up comes", TimeSpan.FromSeconds(60));
        Assert.Equal([1, 1, 2], cids.Bodies.Select(body => (int)cids.Read(body).Number("unread")));

        browser.Status = 410;
        await ada.SayAsync(bob, "and one more");
        await Eventually.BeAsync(
            async () =>
                (await bob.GetAsync("/v1/push-subscriptions"))
                    .Expect(200).Json.GetProperty("subscriptions").GetArrayLength() == 0,
            "the browser is forgotten", TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_subscription_with_a_private_endpoint_is_refused()
    {
        var bob = await product.RegisterAsync();
        using var browser = new PushEndpoint();

        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(400);
        Assert.Empty(browser.Bodies);
    }
}
