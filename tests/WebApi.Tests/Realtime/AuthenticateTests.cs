using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.RateLimits;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>A socket says by <c>authenticate</c> whose it is, and goes on under a new token.</summary>
public sealed class AuthenticateTests(ChatServer server) : IClassFixture<ChatServer>
{
    private static readonly string[] WelcomeFields =
    [
        "op", "user_id", "device_id", "session_id", "server_time", "limits", "expires_at", "incarnation",
        "key_packages",
    ];

    private NewcomerPlaces Places => server.Services.GetRequiredService<NewcomerPlaces>();

    private OpenSockets Sockets => server.Services.GetRequiredService<OpenSockets>();

    [Fact]
    public async Task The_first_frame_may_say_who_it_is_and_a_welcome_alone_answers()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var socket = await JsonSocket.OpenAsync(server);
        await SayAsync(ben, ann);

        await socket.SendAsync(new { op = "authenticate", access_token = ann.Access });

        var welcome = await socket.NextAsync();
        Assert.Equal(WelcomeFields, welcome.EnumerateObject().Select(member => member.Name));
        Assert.Equal("welcome", welcome.GetProperty("op").GetString());
        Assert.Equal(
            (ann.User, ann.Device),
            (welcome.GetProperty("user_id").GetString(), welcome.GetProperty("device_id").GetString()));
        Assert.Equal(0, welcome.GetProperty("key_packages").GetInt32());
        var (now, end) = (welcome.GetProperty("server_time"), welcome.GetProperty("expires_at"));
        Assert.InRange(
            end.GetDateTimeOffset() - now.GetDateTimeOffset(), TimeSpan.FromMinutes(14), TimeSpan.FromMinutes(15));
        Assert.Equal(
            ["update", "message", "synced"],
            new[] { await socket.NextAsync(), await socket.NextAsync(), await socket.NextAsync() }
                .Select(frame => frame.GetProperty("op").GetString()));
        await SayAsync(ben, ann);
        await socket.NextAsync("message");
        Assert.Equal(0, Places.Count);
    }

    [Fact]
    public async Task A_token_in_the_header_or_the_address_is_welcomed_at_once()
    {
        var ann = await server.SignInAsync();
        using var byHeader = await JsonSocket.OpenAsync(server, ann.Access);
        using var byAddress = await JsonSocket.OpenAsync(server, query: $"?access_token={ann.Access}");

        Assert.Equal("welcome", (await byHeader.NextAsync()).GetProperty("op").GetString());
        Assert.Equal("welcome", (await byAddress.NextAsync()).GetProperty("op").GetString());
        (await server.GetAsync("/v1/ws?access_token=bad")).IsProblem(401, "token_invalid");
        (await server.GetAsync("/v1/ws?access_token=")).IsProblem(401, "unauthenticated");
        (await server.GetAsync("/v1/ws")).IsProblem(401, "unauthenticated"); // No handshake of a WebSocket.
    }

    public static TheoryData<string> OtherFrames =>
    [
        """{"op":"ping","id":1}""", """{"op":"authenticate"}""", """{"op":"authenticate","access_token":null}""",
        """{"op":"authenticate","access_token":7}""", """{"op":"authenticate","access_token":""}""",
        """{"op":"authenticate","access_token":"guess"}""", "no JSON", "[]", "null", "",
        $$"""{"op":"authenticate","access_token":"{{new string('x', Newcomers.FrameMax)}}"}""",
    ];

    [Theory]
    [MemberData(nameof(OtherFrames))]
    public async Task Another_frame_or_a_bad_token_closes_the_socket(string frame)
    {
        using var socket = await JsonSocket.OpenAsync(server);

        await socket.SendAsync(Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text);

        Assert.Equal(4401, await socket.ClosedAsync());
        await NoNewcomersAsync();
    }

    [Fact]
    public async Task A_binary_frame_and_the_token_of_a_removed_device_close_the_socket()
    {
        var ann = await server.SignInAsync();
        var frame = JsonSerializer.SerializeToUtf8Bytes(new { op = "authenticate", access_token = ann.Access });
        using var binary = await JsonSocket.OpenAsync(server);
        using var removed = await JsonSocket.OpenAsync(server);

        await binary.SendAsync(frame, WebSocketMessageType.Binary);
        Assert.Equal(4401, await binary.ClosedAsync());
        (await server.DeleteAsync($"/v1/devices/{ann.Device}", ann.Access)).Is(204);
        await removed.SendAsync(frame, WebSocketMessageType.Text);
        Assert.Equal(4401, await removed.ClosedAsync());
    }

    [Fact]
    public async Task Who_says_nothing_or_does_not_finish_is_closed_after_five_seconds()
    {
        var since = Stopwatch.StartNew();
        using var silent = await JsonSocket.OpenAsync(server);
        using var slow = await RawSocket.OpenAsync(server, token: null);
        await slow.SendAsync(new byte[] { 0x81, 0x80 + 20, 0, 0, 0, 0, (byte)'{' });
        Assert.Equal(2, Places.Count);

        Assert.Equal(4401, await silent.ClosedAsync());
        Assert.Equal(4401, BinaryPrimitives.ReadUInt16BigEndian(await slow.NextAsync(0x88)));

        Assert.InRange(since.Elapsed, Newcomers.PatienceMax, Newcomers.PatienceMax * 2);
        await NoNewcomersAsync(); // Though one of them does not answer the close frame.
    }

    [Fact]
    public async Task While_the_store_is_away_the_client_is_told_to_come_back_and_keeps_its_token()
    {
        var ann = await server.SignInAsync();
        using var early = await JsonSocket.OpenAsync(server);
        await using (var busy = await server.Database.OpenConnectionAsync())
        {
            await using var transaction = await busy.BeginTransactionAsync();
            await using var hold = new NpgsqlCommand("LOCK TABLE chat.device_sessions", busy);
            await hold.ExecuteNonQueryAsync();
            await early.SendAsync(new { op = "authenticate", access_token = ann.Access });
            await using var cancel = server.Database.CreateCommand(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'" +
                " AND datname = current_database() AND query LIKE 'SELECT user_id, revoked_at%'");
            await Eventually.IsTrue(async () => await cancel.ExecuteScalarAsync() is > 0L, "the database gives up");

            Assert.Equal(1001, await early.ClosedAsync());
        }

        using var late = await JsonSocket.OpenAsync(server);
        await late.SendAsync(new { op = "authenticate", access_token = ann.Access });
        Assert.Equal("welcome", (await late.NextAsync()).GetProperty("op").GetString());
        await NoNewcomersAsync();
    }

    [Fact]
    public async Task Pings_before_the_first_frame_are_few()
    {
        using var socket = await RawSocket.OpenAsync(server, token: null);

        for (var n = 0; n <= Newcomers.ControlFramesMax; n++)
            await socket.SendAsync(RawSocket.Frame(0x89));

        Assert.Equal(1008, BinaryPrimitives.ReadUInt16BigEndian(await socket.NextAsync(0x88)));
        await NoNewcomersAsync();
    }

    [Fact]
    public async Task Who_goes_before_saying_who_they_are_leaves_nothing()
    {
        using var closing = await JsonSocket.OpenAsync(server);
        using (await RawSocket.OpenAsync(server, token: null))
            await closing.CloseAsync();

        await NoNewcomersAsync();
    }

    [Fact]
    public async Task A_stop_closes_those_who_have_not_said_who_they_are()
    {
        var node = new ChatServer { Beside = server };
        await node.InitializeAsync();
        using var socket = await JsonSocket.OpenAsync(node);

        var stopping = node.StopAsync();

        Assert.Equal(1001, await socket.ClosedAsync());
        await stopping.WaitAsync(Eventually.Deadline);
        await node.DisposeAsync();
    }

    [Fact]
    public async Task A_socket_lives_on_under_a_new_token_and_ends_with_it()
    {
        var ann = await server.SignInAsync();
        using var socket = await JsonSocket.OpenAsync(server, ann.Access);
        var first = (await socket.NextAsync("welcome")).GetProperty("expires_at").GetDateTimeOffset();
        await socket.NextAsync("synced");

        JsonElement renewed = default;
        await Eventually.IsTrue(
            async () =>
            {
                ann = Tokens.Of((await server.RefreshAsync(ann.Refresh)).Is(200));
                await socket.SendAsync(new { op = "authenticate", access_token = ann.Access });
                renewed = await socket.NextAsync();
                return renewed.GetProperty("expires_at").GetDateTimeOffset() > first;
            },
            "the token is of a later second");

        Assert.Equal(["op", "expires_at"], renewed.EnumerateObject().Select(member => member.Name));
        Assert.Equal("authenticated", renewed.GetProperty("op").GetString());
        Sockets.CloseExpired(first);
        await socket.LivesAsync();
        Sockets.CloseExpired(renewed.GetProperty("expires_at").GetDateTimeOffset());
        Assert.Equal(4401, await socket.ClosedAsync());
    }

    [Fact]
    public async Task A_bad_token_later_is_an_error_and_the_socket_stays()
    {
        var ann = await server.SignInAsync();
        using var socket = await JsonSocket.SyncedAsync(server, ann.Access);

        await socket.SendAsync(new { op = "authenticate", id = "a", access_token = "guess" });
        await IsErrorAsync("a", 401, "token_invalid");
        await socket.SendAsync(new { op = "authenticate", id = 2 });
        await IsErrorAsync("2", 401, "unauthenticated");

        await socket.LivesAsync();

        async Task IsErrorAsync(string reference, int status, string code)
        {
            var error = await socket.NextAsync();
            Assert.Equal("error", error.GetProperty("op").GetString());
            Assert.Equal(reference, error.GetProperty("ref").GetString());
            Assert.Equal(status, error.GetProperty("problem").GetProperty("status").GetInt32());
            Assert.Equal(code, error.GetProperty("problem").GetProperty("code").GetString());
        }
    }

    [Fact]
    public async Task The_token_of_another_user_or_device_ends_the_socket()
    {
        var phone = AccountCalls.NewPhone();
        var (ann, annsOther, ben) =
            (await server.SignInAsync(phone), await server.SignInAsync(phone), await server.SignInAsync());
        Assert.Equal(ann.User, annsOther.User);

        foreach (var other in new[] { annsOther, ben })
        {
            using var socket = await JsonSocket.SyncedAsync(server, ann.Access);
            await socket.SendAsync(new { op = "authenticate", access_token = other.Access });
            Assert.Equal(1008, await socket.ClosedAsync());
        }
    }

    [Fact]
    public async Task However_it_said_who_it_is_a_socket_ends_with_its_device_at_any_node()
    {
        var node = new ChatServer { Beside = server };
        await node.InitializeAsync();
        var phone = AccountCalls.NewPhone();
        var (ann, other) = (await server.SignInAsync(phone), await server.SignInAsync(phone));
        using var here = await JsonSocket.OpenAsync(server);
        using var there = await JsonSocket.OpenAsync(node);
        await EachAsync("welcome");
        ann = Tokens.Of((await server.RefreshAsync(ann.Refresh)).Is(200));
        await EachAsync("authenticated");

        (await server.DeleteAsync($"/v1/devices/{ann.Device}", other.Access)).Is(204);

        Assert.Equal(1008, await here.ClosedAsync());
        Assert.Equal(1008, await there.ClosedAsync());
        await node.DisposeAsync();

        async Task EachAsync(string answer)
        {
            foreach (var socket in new[] { here, there })
            {
                await socket.SendAsync(new { op = "authenticate", access_token = ann.Access });
                await socket.NextAsync(answer);
            }
        }
    }

    private async Task SayAsync(Tokens from, Tokens to)
    {
        var message = new { message_id = Guid.CreateVersion7(), receiver_id = to.User, type = "text", text = "hello" };
        (await server.PostAsync("/v1/messages", message, from.Access)).Is(201);
    }

    private Task NoNewcomersAsync() =>
        Eventually.IsTrue(() => Places.Count == 0, "the server has let go of the socket");
}
