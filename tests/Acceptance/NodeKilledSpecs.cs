using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>One of two servers on a log is killed: the other goes on, and nobody stays online whom the dead one held.</summary>
public sealed class NodeKilledSpecs : IAsyncLifetime
{
    private readonly TwoNodes _nodes = new();

    private ChatApi One => _nodes.One.Api;
    private ChatApi Two => _nodes.Two.Api;

    public Task InitializeAsync() => _nodes.InitializeAsync();

    public Task DisposeAsync() => _nodes.DisposeAsync();

    [OwnServerFact]
    public async Task When_one_node_dies_the_other_goes_on()
    {
        var (ada, bob) = (await Person.RegisterAsync(One), await Person.RegisterAsync(Two, name: "Bob"));
        var first = await ada.SayAsync(bob, "before");
        await _nodes.One.KillAsync();
        var adaAtTwo = ada.At(Two);
        var second = await adaAtTwo.SayAsync(bob, "after");
        Assert.Equal(first.Seq + 1, second.Seq);
        // Whoever led the projections: they go on within seconds.
        await Eventually.GetAsync(() => bob.UnreadAsync(), unread => unread.Count == 2, "the read side goes on");
    }

    [RedisFact]
    public async Task Typing_and_presence_reach_the_other_node_and_end_with_a_node_that_dies()
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
        await _nodes.One.KillAsync();
        await bobs.PresenceAsync(ada.Id, online: false, mark);
    }

    [RedisFact]
    public async Task Who_was_at_the_node_that_died_is_woken()
    {
        var (ada, bob) = (await Person.RegisterAsync(Two), await Person.RegisterAsync(One, name: "Bob"));
        using var browser = new PushEndpoint();
        (await bob.PostAsync("/v1/push-subscriptions", browser.Subscription)).Expect(201);
        await using var socket = await bob.ConnectAsync();
        await ada.SayAsync(bob, "hello");
        await _nodes.One.KillAsync();

        await ada.SayAsync(bob, "are you there?");

        await Eventually.BeAsync(() => browser.Bodies.Count > 0, "Bob is woken", TimeSpan.FromSeconds(60));
    }
}
