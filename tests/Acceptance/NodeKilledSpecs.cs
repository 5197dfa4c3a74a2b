using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>
/// Two servers share a log; one server or their Redis is killed. The other server goes on, users of the dead one go
/// offline, and sockets get every message.
/// </summary>
public sealed class NodeKilledSpecs(TwoNodes nodes) : IClassFixture<TwoNodes>, IAsyncLifetime
{
    private ChatApi One => nodes.One.Api;
    private ChatApi Two => nodes.Two.Api;

    /// <summary>Starts the node that an earlier test killed.</summary>
    public Task InitializeAsync() => nodes.BothRunAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [OwnServerFact]
    public async Task When_one_node_is_killed_the_other_goes_on()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var first = await ada.SayAsync(bob, "before");
        await nodes.One.KillAsync();
        var adaAtTwo = ada.At(Two);
        var second = await adaAtTwo.SayAsync(bob, "after");
        Assert.Equal(first.Seq + 1, second.Seq);
        // The killed node may have led the projections.
        await Eventually.GetAsync(() => bob.UnreadAsync(), unread => unread.Count == 2, "the read side goes on");
    }

    [RedisFact]
    public async Task Presence_and_typing_reach_the_other_node_and_users_of_a_killed_node_go_offline()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var conversation = (await ada.SayAsync(bob, "hello")).ConversationId;
        await using var bobs = await bob.ConnectAsync();
        await bobs.SendAsync(new { op = "subscribe_presence", user_ids = new[] { ada.Id } });
        await bobs.PresenceAsync(ada.Id, online: false);

        await using var adas = await ada.ConnectAsync();
        await bobs.PresenceAsync(ada.Id, online: true);
        await adas.SendAsync(new { op = "typing", conversation_id = conversation, active = true });
        await bobs.TypingAsync(conversation, ada.Id, active: true);

        var mark = bobs.Mark();
        await nodes.One.KillAsync();
        await bobs.PresenceAsync(ada.Id, online: false, mark);
    }

    [RedisFact]
    public async Task Users_who_were_connected_to_a_killed_node_get_pushes()
    {
        var (ada, bob) = (await Person.RegisterAsync(Two), await Person.RegisterAsync(One, name: "Bob"));
        using var browser = new PushEndpoint();
        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(201);
        await using var socket = await bob.ConnectAsync();
        await ada.SayAsync(bob, "hello");
        await nodes.One.KillAsync();

        await ada.SayAsync(bob, "are you there?");

        await Eventually.BeAsync(() => browser.Bodies.Count > 0, "Bob is woken", TimeSpan.FromSeconds(60));
    }
}

/// <summary>Two servers share a log; their Redis is killed.</summary>
[Collection(AloneCollection.Name)]
[Trait(AloneCollection.Trait, AloneCollection.Name)]
public sealed class RedisGoneSpecs : IAsyncLifetime
{
    /// <summary>How soon each node knows what the other appended (docs/adr/0003).</summary>
    private static readonly TimeSpan KnownAfter = TimeSpan.FromSeconds(2);

    private readonly TwoNodes _nodes = new() { FollowEvery = "00:00:01" };

    public Task InitializeAsync() => _nodes.InitializeAsync();

    public Task DisposeAsync() => _nodes.DisposeAsync();

    [RedisFact]
    public async Task Without_Redis_messages_still_reach_sockets_at_the_other_node()
    {
        var (ada, bob) = (
            await Person.RegisterAsync(_nodes.One.Api), await Person.RegisterAsync(_nodes.Two.Api, name: "Bob"));
        await using var socket = await bob.ConnectAsync();
        await _nodes.Redis.KillAsync();

        var lost = new List<Sent>();
        for (var i = 0; i < 10; i++)
            lost.Add(await ada.SayAsync(bob, $"message {i}")); // The conversation is new to the socket.

        foreach (var sent in lost)
            Assert.Equal(sent.Seq, (await socket.MessageAsync(sent.MessageId)).Seq);
        socket.KeptOrder();
    }

    [RedisFact]
    public async Task Without_Redis_a_removal_at_one_node_counts_at_the_other_within_two_seconds()
    {
        var ada = await Person.RegisterAsync(_nodes.One.Api);
        var bob = await Person.RegisterAsync(_nodes.Two.Api, name: "Bob");
        var group = await Group.StartAsync(ada, "Without Redis", bob);
        (await bob.GetAsync(group.Path)).Expect(200); // Node two has the conversation in memory now.
        await using var socket = await bob.ConnectAsync();
        await _nodes.Redis.KillAsync();

        for (var round = 0; round < 3; round++)
        {
            var mark = socket.Mark();
            (await group.RemoveAsync(ada, bob)).Expect(204);
            await Task.WhenAll(
                Eventually.BeAsync(
                    async () => (await bob.GetAsync(group.Path)).Status == 404, "Bob has no access at node two",
                    KnownAfter),
                Eventually.BeAsync(
                    () => socket.Frames(mark).Any(f => f.Is("update", group.Id)), "the socket has the entry",
                    KnownAfter));

            (await group.AddAsync(ada, bob)).Expect(200);
            await Eventually.BeAsync(
                async () => (await bob.GetAsync(group.Path)).Status == 200, "Bob has access again", KnownAfter);
        }
    }

    [RedisFact]
    public async Task After_Redis_was_away_messages_still_reach_sockets_at_the_other_node()
    {
        var (ada, bob) = (
            await Person.RegisterAsync(_nodes.One.Api), await Person.RegisterAsync(_nodes.Two.Api, name: "Bob"));
        await ada.SayAsync(bob, "before");
        await using var socket = await bob.ConnectAsync();
        await _nodes.Redis.KillAsync();
        var lost = await ada.SayAsync(bob, "nobody tells node two");

        await _nodes.Redis.StartAgainAsync();

        var later = await ada.SayAsync(bob, "and now?");
        Assert.Equal(lost.Seq, (await socket.MessageAsync(lost.MessageId)).Seq);
        Assert.Equal(later.Seq, (await socket.MessageAsync(later.MessageId)).Seq);
        socket.KeptOrder();
    }
}
