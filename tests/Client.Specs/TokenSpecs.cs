using ChatCqrs.Client.Specs.Fakes;

namespace ChatCqrs.Client.Specs;

/// <summary>Tokens never sign anybody out by themselves, whatever is lost and however clocks go.</summary>
public sealed class TokenSpecs
{
    [Theory]
    [InlineData(841, "access-1")] // 59 s left
    [InlineData(839, "access-0")]
    public async Task A_token_with_less_than_a_minute_left_is_exchanged_before_connecting(int age, string token)
    {
        await using var world = new World();
        await world.SignedInAsync();
        world.Time.Advance(TimeSpan.FromSeconds(age));

        _ = world.Client.ConnectAsync();

        Assert.Equal(token, (await world.Server.OpenedAsync()).Token);
    }

    [Fact]
    public async Task A_socket_lives_on_under_a_new_token()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        for (var turn = 1; turn <= 3; turn++)
        {
            await LiveForAsync(world, socket, TimeSpan.FromSeconds(840));
            var frame = await socket.NextAsync("authenticate");
            Assert.Equal($"access-{turn}", frame.GetProperty("access_token").GetString());
            socket.Say("""{"op":"authenticated","expires_at":"2026-01-01T00:30:00.000Z"}""");
            await PongAsync(world, socket);
        }

        Assert.Equal(ClientStatus.Live, world.Client.State.Status);
        Assert.Equal(1, world.Server.Attempts);
    }

    [Fact]
    public async Task A_lost_refresh_answer_costs_nothing()
    {
        await using var world = new World();
        await world.SignedInAsync(expiresIn: 10);
        world.Time.Advance(TimeSpan.FromMinutes(1));
        var asked = new List<string>();
        world.Server.Answer = (_, body) =>
        {
            asked.Add(body);
            return asked.Count <= 3 ? null : world.NewTokens();
        };

        var connecting = world.Client.ConnectAsync();
        var socket = await OpenedAfterFailuresAsync(world);
        socket.Welcome();
        socket.Synced();
        await connecting.WaitAsync(Wait.Most);

        Assert.Equal(4, asked.Count);
        Assert.All(asked, body => Assert.Contains("\"refresh-0\"", body, StringComparison.Ordinal));
        Assert.Equal("access-1", socket.Token);
    }

    [Fact]
    public async Task A_token_that_ended_while_offline_is_exchanged_when_the_network_is_back()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        world.Server.Fail(Enumerable.Range(0, 5).Select(_ => ChatException.Network(null)));
        world.Server.Answer = (_, _) => null;
        socket.Close(null);
        await world.BecomesAsync(ClientStatus.Waiting);
        world.Time.Advance(TimeSpan.FromHours(3));

        world.Server.Answer = world.Refreshing;
        var next = await OpenedAfterFailuresAsync(world);

        Assert.NotEqual("access-0", next.Token);
        Assert.Equal($"access-{world.Tokens}", next.Token);
        next.Welcome();
        next.Synced();
        await world.BecomesAsync(ClientStatus.Live);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_clock_that_is_set_by_an_hour_changes_nothing_for_a_running_client(int hours)
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        world.Time.Wrong = TimeSpan.FromHours(hours);

        var sent = await world.Conversation.SendAsync("hello");
        socket.Ack((await socket.NextAsync("send")).GetProperty("message_id").GetGuid(), World.Talk, 1);
        await sent.Acked.WaitAsync(Wait.Most);
        socket.Close(1001);
        var next = await world.NextSocketAsync();

        Assert.Equal("access-0", next.Token); // Still good, whatever the clock says.
        Assert.Equal(0, world.Tokens);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_clock_that_was_set_between_two_starts_costs_a_refresh_at_most(int hours)
    {
        await using var world = new World();
        await world.SignedInAsync();
        world.Time.Wrong = TimeSpan.FromHours(hours);

        var connecting = world.Client.ConnectAsync();
        var socket = await world.CaughtUpAsync();
        await connecting.WaitAsync(Wait.Most);

        Assert.Equal("access-1", socket.Token);
    }

    [Fact]
    public async Task A_stored_token_that_only_seems_good_is_exchanged_once_it_is_refused()
    {
        await using var world = new World();
        await world.SignedInAsync();
        world.Server.Fail(new ChatException("status_401", "No.", 401));

        _ = world.Client.ConnectAsync();

        Assert.Equal("access-1", (await world.Server.OpenedAsync()).Token);
    }

    [Fact]
    public async Task A_request_whose_token_is_refused_is_sent_again_with_another_one_once()
    {
        await using var world = new World();
        await world.SignedInAsync();
        var tokens = new List<string?>();
        world.Server.Answer = (request, body) =>
        {
            if (request.RequestUri!.AbsolutePath == "/v1/tokens/refresh")
                return world.NewTokens();
            tokens.Add(request.Headers.Authorization?.Parameter);
            return tokens.Count == 1
                ? FakeServer.Problem(401, "token_expired")
                : FakeServer.Json(200, """{"conversations":[],"next_cursor":null}""");
        };
        await world.Client.IsSignedInAsync();

        Assert.Empty((await world.Client.Inbox.PageAsync()).Conversations);

        Assert.Equal(["access-0", "access-1"], tokens);
    }

    [Fact]
    public async Task Two_clients_on_one_store_refresh_once()
    {
        await using var one = new World();
        await using var two = new World(one.Storage, one.Server, one.Time);
        await one.SignedInAsync(expiresIn: 10);
        one.Time.Advance(TimeSpan.FromMinutes(1));

        _ = one.Client.ConnectAsync();
        _ = two.Client.ConnectAsync();

        Assert.Equal("access-1", (await one.Server.OpenedAsync()).Token);
        Assert.Equal("access-1", (await one.Server.OpenedAsync()).Token);
        Assert.Equal(1, one.Tokens);
    }

    [Fact]
    public async Task Two_clients_on_one_folder_refresh_once()
    {
        using var folder = new Folder();
        await using var one = new World(new FileStorage(folder.Path));
        await using var two = new World(new FileStorage(folder.Path), one.Server, one.Time);
        await one.SignedInAsync(expiresIn: 10);
        one.Time.Advance(TimeSpan.FromMinutes(1));

        _ = one.Client.ConnectAsync();
        _ = two.Client.ConnectAsync();

        Assert.Equal("access-1", (await one.Server.OpenedAsync()).Token);
        Assert.Equal("access-1", (await one.Server.OpenedAsync()).Token);
        Assert.Equal(1, one.Tokens);
    }

    [Theory]
    [InlineData("text/html", "<html>Pay for the network, please.</html>")]
    [InlineData("application/json", """{"code":"unauthorized"}""")]
    [InlineData("application/problem+json", """{"title":"Unauthorized","status":401}""")]
    [InlineData("application/problem+json", "401")]
    public async Task A_401_of_something_on_the_way_to_the_server_signs_nobody_out(string type, string body)
    {
        await using var world = new World();
        await world.SignedInAsync(expiresIn: 10);
        world.Time.Advance(TimeSpan.FromMinutes(1));
        var asked = 0;
        world.Server.Answer = (_, _) => ++asked <= 3 ? FakeServer.Json(401, body, type) : world.NewTokens();

        var connecting = world.Client.ConnectAsync();
        var socket = await OpenedAfterFailuresAsync(world);
        socket.Welcome();
        socket.Synced();

        await connecting.WaitAsync(Wait.Most);
        Assert.Equal(("access-1", 4), (socket.Token, asked));
    }

    [Fact]
    public async Task A_socket_s_next_token_is_asked_for_again_after_a_401_of_something_on_the_way()
    {
        await using var world = new World(random: 0.5);
        var socket = await world.LiveAsync();
        var asked = 0;
        world.Server.Answer = (_, _) => ++asked == 1 ? FakeServer.Json(401, "<html>", "text/html") : world.NewTokens();

        await LiveForAsync(world, socket, TimeSpan.FromSeconds(840));
        await world.Time.BeginsToRestAsync(TimeSpan.FromSeconds(0.25));
        world.Time.Advance(TimeSpan.FromSeconds(0.25));

        Assert.Equal("access-1", (await socket.NextAsync("authenticate")).GetProperty("access_token").GetString());
    }

    [Fact]
    public async Task A_refused_refresh_signs_out_and_removes_the_tokens_alone()
    {
        await using var world = new World();
        await world.SignedInAsync(expiresIn: 10);
        await world.Conversation.SendAsync("not lost");
        world.Time.Advance(TimeSpan.FromMinutes(1));
        world.Server.Answer = (_, _) => FakeServer.Problem(401, "refresh_token_reused");

        var refused = await Assert.ThrowsAsync<ChatException>(() => world.Client.ConnectAsync());

        Assert.Equal(ErrorCode.SignedOut, refused.Code);
        await world.BecomesAsync(ClientStatus.SignedOut);
        Assert.Null(await world.Storage.ReadAsync(Http.TokenKeeper.Key));
        Assert.Single(await world.Storage.KeysAsync(Sending.Outbox.Prefix));
    }

    private static async Task LiveForAsync(World world, FakeSocket socket, TimeSpan span)
    {
        for (var passed = TimeSpan.Zero; passed < span; passed += TimeSpan.FromSeconds(20))
        {
            world.Time.Advance(TimeSpan.FromSeconds(20));
            await PongAsync(world, socket);
        }
    }

    /// <summary>Returns once the client has read everything before.</summary>
    private static async Task PongAsync(World world, FakeSocket socket)
    {
        await using var events = await Events.OfAsync(world.Client);
        socket.Say($$"""{"op":"typing","conversation_id":"{{World.Talk}}","user_id":"{{World.Ben}}","active":true}""");
        await events.UntilAsync(seen => seen.OfType<TypingReceived>().Any(), "everything was read");
    }

    private static async Task<FakeSocket> OpenedAfterFailuresAsync(World world)
    {
        while (!world.Server.AnyOpened)
        {
            await Wait.UntilAsync(
                () => world.Server.AnyOpened || world.Client.State.Status == ClientStatus.Waiting, "an attempt");
            if (!world.Server.AnyOpened)
                world.Time.Advance(TimeSpan.FromSeconds(31));
        }

        return await world.Server.OpenedAsync();
    }
}
