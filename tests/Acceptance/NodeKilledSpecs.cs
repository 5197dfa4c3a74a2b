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

    [RedisFact]
    public async Task Messages_sent_while_Redis_was_down_arrive_when_it_is_back()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        await ada.SayAsync(bob, "before");
        await using var socket = await bob.ConnectAsync();
        await nodes.Redis.KillAsync();
        var lost = await ada.SayAsync(bob, "nobody tells node two");

        await nodes.Redis.StartAgainAsync();

        // RecheckEvery is 10 minutes here: only the return of Redis can bring the message.
        Assert.Equal(lost.Seq, (await socket.MessageAsync(lost.MessageId)).Seq);
        socket.KeptOrder();
    }
}

/// <summary>Two servers share a log; their Redis never comes back.</summary>
public sealed class RedisGoneSpecs : IAsyncLifetime
{
    private readonly TwoNodes _nodes = new() { RecheckEvery = "00:00:02" };

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
}
