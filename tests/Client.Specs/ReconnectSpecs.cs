using ChatCqrs.Client.Realtime;
using ChatCqrs.Client.Specs.Fakes;

namespace ChatCqrs.Client.Specs;

/// <summary>Every end of a connection leads to the next one, after the time that its reason asks for.</summary>
public sealed class ReconnectSpecs
{
    [Theory]
    [InlineData(1001, 1.0)] // random(0, 2 s)
    [InlineData(1013, 3.0)] // random(1 s, 5 s)
    [InlineData(1000, 0.25)] // random(0, 0.5 s), as all that follow
    [InlineData(1002, 0.25)]
    [InlineData(1009, 0.25)]
    [InlineData(1011, 0.25)]
    [InlineData(1012, 0.25)]
    [InlineData(null, 0.25)]
    public async Task After_a_close_code_the_client_waits_and_connects_again(int? code, double seconds)
    {
        await using var world = new World(random: 0.5);
        var socket = await world.LiveAsync();

        socket.Close(code);

        var waiting = await world.BecomesAsync(ClientStatus.Waiting);
        Assert.Equal(world.Time.GetUtcNow().AddSeconds(seconds), waiting.RetryAt);
        Assert.Equal(ErrorCode.Network, waiting.Reason?.Code);
        world.Time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        Assert.False(world.Server.AnyOpened);
        world.Time.Advance(TimeSpan.FromMilliseconds(1));
        await world.CaughtUpAsync();
        await world.BecomesAsync(ClientStatus.Live);
    }

    [Fact]
    public async Task A_token_that_has_ended_is_exchanged_before_the_next_attempt_which_is_at_once()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        Assert.Equal("access-0", socket.Token);

        socket.Close(4401);

        var next = await world.CaughtUpAsync();
        Assert.Equal("access-1", next.Token);
        await world.BecomesAsync(ClientStatus.Live);
    }

    [Fact]
    public async Task A_removed_device_is_signed_out()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        world.Server.Answer = (_, _) => FakeServer.Problem(401, "device_signed_out");

        socket.Close(1008);

        var state = await world.BecomesAsync(ClientStatus.SignedOut);
        Assert.Equal(ErrorCode.SignedOut, state.Reason?.Code);
        Assert.False(await world.Client.IsSignedInAsync());
        var refused = await Assert.ThrowsAsync<ChatException>(() => world.Client.ConnectAsync());
        Assert.Equal(ErrorCode.SignedOut, refused.Code);
    }

    [Fact]
    public async Task A_socket_closed_for_another_reason_of_policy_signs_nobody_out()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();

        socket.Close(1008);

        Assert.Equal("access-1", (await world.CaughtUpAsync()).Token);
        await world.BecomesAsync(ClientStatus.Live);
    }

    [Fact]
    public async Task It_never_gives_up()
    {
        await using var world = new World(random: 0.999);
        world.Server.Fail(Enumerable.Range(0, 200).Select(_ => ChatException.Network(null)));
        await world.SignedInAsync();
        var connecting = world.Client.ConnectAsync();
        for (var attempt = 1; attempt <= 200; attempt++)
        {
            await Wait.UntilAsync(
                () => world.Server.Attempts == attempt && world.Client.State.Status == ClientStatus.Waiting,
                $"attempt {attempt}");
            Assert.True(world.Client.State.RetryAt - world.Time.GetUtcNow() <= TimeSpan.FromSeconds(30));
            world.Time.Advance(TimeSpan.FromSeconds(30));
        }

        await world.CaughtUpAsync();
        await connecting.WaitAsync(Wait.Most);
    }

    [Fact]
    public void Delays_are_random_between_nothing_and_a_bound_that_doubles_up_to_30_s()
    {
        double[] bounds = [0.5, 1, 2, 4, 8, 16, 30, 30, 30];
        for (var attempt = 0; attempt < bounds.Length; attempt++)
        {
            Assert.Equal(TimeSpan.Zero, Reconnecting.Jitter(attempt, () => 0));
            Assert.Equal(TimeSpan.FromSeconds(bounds[attempt]) * 0.999, Reconnecting.Jitter(attempt, () => 0.999));
        }

        Assert.True(Reconnecting.Jitter(int.MaxValue, () => 0.999) < TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void The_server_may_ask_for_more_but_not_for_a_day()
    {
        var reconnecting = new Reconnecting(() => 0);
        ChatException Busy(TimeSpan after) => new("store_unavailable", "Busy.", 503) { RetryAfter = after };

        Assert.Equal(TimeSpan.FromSeconds(7), reconnecting.After(null, Busy(TimeSpan.FromSeconds(7))).Delay);
        Assert.Equal(TimeSpan.FromMinutes(5), reconnecting.After(null, Busy(TimeSpan.FromDays(1))).Delay);
    }

    [Fact]
    public void Only_a_live_connection_makes_the_next_wait_short_again()
    {
        var reconnecting = new Reconnecting(() => 0.5);
        for (var attempt = 0; attempt < 10; attempt++)
            reconnecting.After(1011);
        Assert.Equal(TimeSpan.FromSeconds(15), reconnecting.After(1011).Delay);

        reconnecting.Succeeded();

        Assert.Equal(TimeSpan.FromSeconds(0.25), reconnecting.After(1011).Delay);
    }

    [Fact]
    public async Task A_wait_ends_at_once_when_the_program_says_so_or_the_network_comes_back()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        world.Network.IsUp = false;
        socket.Close(null);
        await world.BecomesAsync(ClientStatus.Offline);

        world.Network.CameUp!();
        socket = await world.CaughtUpAsync();
        await world.BecomesAsync(ClientStatus.Live);

        world.Network.IsUp = true;
        socket.Close(null);
        await world.BecomesAsync(ClientStatus.Waiting);
        world.Client.TryNow();
        await world.CaughtUpAsync();
        await world.BecomesAsync(ClientStatus.Live);
    }

    [Fact]
    public async Task A_connect_that_is_cancelled_stays_a_cancellation_and_leaves_nothing_running()
    {
        await using var world = new World();
        world.Server.Fail(ChatException.Network(null));
        await world.SignedInAsync();
        using var cancelled = new CancellationTokenSource();
        var connecting = world.Client.ConnectAsync(cancelled.Token);
        await world.BecomesAsync(ClientStatus.Waiting);

        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(Wait.Most));
        Assert.Equal(ClientStatus.Idle, world.Client.State.Status);
    }

    [Fact]
    public async Task A_client_can_be_closed_and_connected_again()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();

        await world.Client.CloseAsync();
        Assert.True(socket.SaidGoodbye);
        Assert.Equal(ClientStatus.Idle, world.Client.State.Status);

        var connecting = world.Client.ConnectAsync();
        await world.CaughtUpAsync();
        await connecting.WaitAsync(Wait.Most);
    }

    [Fact]
    public async Task A_client_that_was_disposed_of_cannot_be_connected_again()
    {
        await using var world = new World();
        await world.LiveAsync();

        await world.Client.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => world.Client.ConnectAsync().WaitAsync(Wait.Most));
        Assert.Equal(1, world.Server.Attempts);
    }

    [Fact]
    public async Task A_client_that_is_disposed_of_while_it_begins_to_connect_does_not()
    {
        var read = new TaskCompletionSource();
        var storage = new TroubledStorage { Reading = read.Task };
        await using var world = new World(storage);
        await world.SignedInAsync();
        var connecting = world.Client.ConnectAsync();

        await world.Client.DisposeAsync();
        read.SetResult();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => connecting.WaitAsync(Wait.Most));
        Assert.Equal(0, world.Server.Attempts);
    }

    [Fact]
    public async Task A_hint_that_cannot_be_sent_is_lost_and_says_nothing()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        socket.IsBroken = true;

        await world.Conversation.TypingAsync();
        await world.Client.WatchPresenceAsync([World.Ben]);

        Assert.Equal(ClientStatus.Live, world.Client.State.Status);
    }

    [Fact]
    public async Task Whoever_gives_up_sending_a_hint_does_not_end_the_connection()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        socket.Hangs = true;
        using var cancelled = new CancellationTokenSource();
        var typing = world.Conversation.TypingAsync(cancellationToken: cancelled.Token);
        await world.Time.BeginsToWaitAsync(TimeSpan.FromSeconds(10));

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => typing.WaitAsync(Wait.Most));
        socket.Hangs = false;
        world.Time.Advance(TimeSpan.FromSeconds(10)); // Until then the frame may still be taken.

        var sent = await world.Conversation.SendAsync("hello");
        await socket.NextAsync("send");
        socket.Ack(sent.Id, World.Talk, 1);
        await sent.Acked.WaitAsync(Wait.Most);
        Assert.Equal((ClientStatus.Live, 1), (world.Client.State.Status, world.Server.Attempts));
    }

    [Fact]
    public async Task Hints_that_wait_for_a_socket_that_hangs_end_with_its_connection()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        socket.Hangs = true;
        var hints = new[] { world.Conversation.TypingAsync(), world.Conversation.TypingAsync(active: false) };
        await world.Time.BeginsToWaitAsync(TimeSpan.FromSeconds(10));

        await world.Client.CloseAsync();
        world.Time.Advance(TimeSpan.FromSeconds(10));

        await Task.WhenAll(hints).WaitAsync(Wait.Most);
    }

    [Fact]
    public async Task A_frame_that_is_broken_ends_the_connection_and_not_the_client()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        foreach (var broken in (string[])["no JSON", "[]", "{}", """{"op":"message","seq":1}"""])
        {
            socket.Say(broken);
            socket = await world.NextSocketAsync();
            socket.Welcome();
            socket.Synced();
            await world.BecomesAsync(ClientStatus.Live);
        }
    }

    [Fact]
    public async Task Frames_and_members_that_are_not_known_are_passed_over()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);

        socket.Say("""{"op":"news","what":1}""");
        socket.Say($$"""
            {"op":"typing","conversation_id":"{{World.Talk}}","user_id":"{{World.Ben}}","active":true,"new":1}
            """);

        await events.UntilAsync(seen => seen.OfType<TypingReceived>().Any(), "typing");
        Assert.Equal(ClientStatus.Live, world.Client.State.Status);
    }
}
