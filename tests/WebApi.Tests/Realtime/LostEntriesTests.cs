using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>
/// What clients are told of a log that has lost entries; two nodes on one log, without announcements.
/// </summary>
public sealed class LostEntriesTests(TwoServers nodes) : IClassFixture<TwoServers>
{
    private const string AdminsPhone = "+12025550199";

    private readonly ChatServer _one = nodes.One, _two = nodes.Two;

    [Fact]
    public async Task A_sync_beyond_the_end_is_answered_by_a_reset_before_it_is_synced()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        var conversation = await SendAsync(_one, ann, ben);
        using var socket = await _one.ConnectAsync(ben.Access);
        var welcome = await NextAsync(socket, "welcome");
        await NextAsync(socket, "synced");

        await SyncAsync(socket, conversation, after: 9);

        var reset = await NextAsync(socket, "reset", "synced");
        Assert.Equal(["op", "conversation_id", "last_seq", "incarnation"], reset.EnumerateObject().Select(m => m.Name));
        Assert.Equal(
            (conversation, 1L),
            (reset.GetProperty("conversation_id").GetString(), reset.GetProperty("last_seq").GetInt64()));
        Assert.Equal(welcome.GetProperty("incarnation").GetGuid(), reset.GetProperty("incarnation").GetGuid());
        await NextAsync(socket, "synced");
        await SyncAsync(socket, conversation, after: 1);
        Assert.Equal("synced", (await NextAsync(socket, "synced", "reset")).GetProperty("op").GetString());
    }

    [Fact]
    public async Task A_start_is_no_loss_of_entries()
    {
        await _one.SignInAsync();
        var log = new LateIncarnation(); // A host makes all its services before it starts one.
        var lost = ActivatorUtilities.CreateInstance<LostEntries>(_one.Services, log);
        log.Current = Guid.NewGuid();
        Assert.Equal(LogPosition.Start, await lost.CheckAsync(LogPosition.Start, CancellationToken.None));

        await log.RenewAsync(CancellationToken.None);
        Assert.NotEqual(LogPosition.Start, await lost.CheckAsync(LogPosition.Start, CancellationToken.None));
    }

    [Fact]
    public async Task A_stranger_learns_no_end()
    {
        var (ann, ben, eve) = (await _one.SignInAsync(), await _one.SignInAsync(), await _one.SignInAsync());
        var conversation = await SendAsync(_one, ann, ben);
        using var socket = await _one.ConnectAsync(eve.Access);

        await SyncAsync(socket, conversation, after: 9);

        Assert.Equal("error", (await NextAsync(socket, "error", "reset")).GetProperty("op").GetString());
    }

    [Fact]
    public async Task What_another_node_has_appended_a_moment_ago_is_not_beyond_the_end()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        for (var seq = 1; seq <= 5; seq++)
        {
            var conversation = await SendAsync(_one, ann, ben);
            using var socket = await _two.ConnectAsync(ben.Access);
            (await _two.GetAsync($"/v1/conversations/{conversation}", ben.Access)).Is(200);
            await NextAsync(socket, "synced");
            await SendAsync(_one, ann, ben);
            seq++;

            await SyncAsync(socket, conversation, after: seq);

            var next = await NextAsync(socket, "synced", "reset");
            Assert.Equal("synced", next.GetProperty("op").GetString());
        }
    }

    [Fact]
    public async Task A_position_beyond_the_log_is_refused_at_once()
    {
        var ann = await _one.SignInAsync();
        var head = await _one.Services.GetRequiredService<IEventStore>().HeadAsync(CancellationToken.None);

        var beyond = PositionToken.Format(new LogPosition(head.Value + 1_000_000));
        (await _one.GetFromAsync("/v1/conversations", ann.Access, beyond)).IsProblem(400, "position_unknown");
        (await _two.GetFromAsync("/v1/conversations", ann.Access, beyond)).IsProblem(400, "position_unknown");
        (await _two.GetFromAsync("/v1/conversations", ann.Access, PositionToken.Format(head))).Is(200);
    }

    [Fact]
    public async Task A_renewed_incarnation_closes_every_nodes_sockets_and_is_told_in_the_next_welcome()
    {
        var (admin, ben) = (await _one.SignInAsync(AdminsPhone), await _one.SignInAsync());
        using var first = await _one.ConnectAsync(ben.Access);
        using var second = await _two.ConnectAsync(ben.Access);
        var known = (await NextAsync(first, "welcome")).GetProperty("incarnation").GetGuid();
        Assert.Equal(known, (await NextAsync(second, "welcome")).GetProperty("incarnation").GetGuid());
        (await _one.PostAsync("/v1/admin/log/incarnation", null, ben.Access)).IsProblem(403, "forbidden");

        var answer = (await _one.PostAsync("/v1/admin/log/incarnation", null, admin.Access)).Is(200);
        var renewed = answer["incarnation"].GetGuid();

        Assert.NotEqual(known, renewed);
        foreach (var (node, socket) in new[] { (_one, first), (_two, second) })
        {
            Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, await CloseAsync(socket));
            using var again = await node.ConnectAsync(ben.Access);
            Assert.Equal(renewed, (await NextAsync(again, "welcome")).GetProperty("incarnation").GetGuid());
        }
    }

    private static async Task<string> SendAsync(ChatServer node, Tokens from, Tokens to)
    {
        var message = new { message_id = Guid.CreateVersion7(), receiver_id = to.User, type = "text", text = "x" };
        return (await node.PostAsync("/v1/messages", message, from.Access)).Is(201).Text("conversation_id");
    }

    private static Task SyncAsync(WebSocket socket, string conversation, long after) => socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(
            new { op = "sync", conversations = new Dictionary<string, long> { [conversation] = after } }),
        WebSocketMessageType.Text, true, Eventually.Cancelled());

    /// <summary>The next frame of one of some kinds.</summary>
    private static async Task<JsonElement> NextAsync(WebSocket socket, params string[] ops)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, Eventually.Cancelled());
            var frame = JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, received.Count));
            if (ops.Contains(frame.GetProperty("op").GetString()))
                return frame;
        }
    }

    private static async Task<WebSocketCloseStatus?> CloseAsync(WebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        while ((await socket.ReceiveAsync(buffer, Eventually.Cancelled())).MessageType != WebSocketMessageType.Close)
        {
        }

        return socket.CloseStatus;
    }

    /// <summary>One that is read when the host starts, and not when it is made.</summary>
    private sealed class LateIncarnation : ILogIncarnation
    {
        public Guid Current { get; set; }

        public Task<Guid> ReadAsync(CancellationToken cancellationToken) => Task.FromResult(Current);

        public Task<Guid> RenewAsync(CancellationToken cancellationToken) => Task.FromResult(Current = Guid.NewGuid());
    }
}
