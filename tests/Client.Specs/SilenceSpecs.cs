using ChatCqrs.Client.Realtime;
using ChatCqrs.Client.Specs.Fakes;

namespace ChatCqrs.Client.Specs;

/// <summary>A socket that hangs without closing is noticed within 35 s.</summary>
public sealed class SilenceSpecs
{
    [Fact]
    public async Task A_server_that_answers_no_ping_is_given_up_35_s_after_its_last_frame()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();

        world.Time.Advance(TimeSpan.FromSeconds(25));
        await socket.NextAsync("ping");
        world.Time.Advance(TimeSpan.FromSeconds(9.999));
        Assert.Equal(ClientStatus.Live, world.Client.State.Status);
        world.Time.Advance(TimeSpan.FromSeconds(0.001));

        var waiting = await world.BecomesAsync(ClientStatus.Waiting);
        Assert.IsType<TimeoutException>(waiting.Reason!.InnerException);
        await socket.Ended;
    }

    [Fact]
    public async Task A_server_that_takes_no_bytes_is_given_up_as_soon()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        socket.Hangs = true;

        await world.Conversation.SendAsync("hello");
        await world.Time.BeginsToWaitAsync(TimeSpan.FromSeconds(10));
        await GivesUpAsync(world, most: TimeSpan.FromSeconds(35));
    }

    [Fact]
    public async Task A_server_that_opens_the_socket_and_says_nothing_is_given_up()
    {
        await using var world = new World();
        await world.SignedInAsync();
        _ = world.Client.ConnectAsync();
        await (await world.Server.OpenedAsync()).IsRead;

        await GivesUpAsync(world, most: TimeSpan.FromSeconds(11));
    }

    [Fact]
    public async Task Any_frame_is_a_sign_of_life()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        await using var events = await Events.OfAsync(world.Client);
        for (var beat = 0; beat < 20; beat++)
        {
            world.Time.Advance(TimeSpan.FromSeconds(20));
            socket.Say($$"""{"op":"presence","user_id":"{{World.Ben}}","online":true,"last_seen":null}""");
            await events.UntilAsync(seen => seen.OfType<PresenceReceived>().Count() == beat + 1, "the frame was read");
        }

        Assert.DoesNotContain(socket.Waiting(), frame => frame.GetProperty("op").GetString() == "ping");
        Assert.Equal(ClientStatus.Live, world.Client.State.Status);
    }

    [Fact]
    public void Silence_does_not_count_while_the_client_itself_does_not_listen()
    {
        var heartbeat = new Heartbeat(TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(10), TimeSpan.Zero);
        Assert.Equal(Pulse.Alive, heartbeat.Check(TimeSpan.FromSeconds(60), listening: false));
        Assert.Equal(Pulse.Alive, heartbeat.Check(TimeSpan.FromSeconds(84), listening: true));
        Assert.Equal(Pulse.Ping, heartbeat.Check(TimeSpan.FromSeconds(85), listening: true));
        Assert.Equal(Pulse.Alive, heartbeat.Check(TimeSpan.FromSeconds(94), listening: true));
        Assert.Equal(Pulse.Dead, heartbeat.Check(TimeSpan.FromSeconds(95), listening: true));
    }

    /// <summary>Lets time pass until another socket is opened.</summary>
    private static async Task GivesUpAsync(World world, TimeSpan most)
    {
        for (var passed = TimeSpan.Zero; passed < most && world.Server.Attempts == 1;)
        {
            world.Time.Advance(TimeSpan.FromSeconds(1));
            passed += TimeSpan.FromSeconds(1);
            await Task.Yield();
        }

        await Wait.UntilAsync(
            () => world.Server.Attempts == 2 || world.Client.State.Status == ClientStatus.Waiting, "it is given up");
    }
}
