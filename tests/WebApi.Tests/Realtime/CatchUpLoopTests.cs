using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Tests.Realtime;

public sealed class CatchUpLoopTests(ChatServer server) : IClassFixture<ChatServer>
{
    [Fact]
    public async Task A_member_removed_before_the_fetch_does_not_get_the_entries()
    {
        var (ann, eve) = (await server.SignInAsync(), await server.SignInAsync());
        var body = new { type = "group", title = "us", member_ids = new[] { eve.User } };
        var group = (await server.PostAsync("/v1/conversations", body, ann.Access)).Is(201).Text("conversation_id");
        (await server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), conversation_id = group, type = "text", text = "hello" },
            ann.Access)).Is(201);
        (await server.DeleteAsync($"/v1/conversations/{group}/members/{eve.User}", ann.Access)).Is(204);
        Assert.True(await server.Services.GetRequiredService<IReadSide>().WaitForAsync(
            server.Services.GetRequiredService<IConversationWriter>().LastCommitted, Eventually.Deadline,
            CancellationToken.None));
        using var socket = WebSocket.CreateFromStream(
            new MemoryStream(), new WebSocketCreationOptions { IsServer = true });
        var wire = new MemoryStream();
        var connection = new Connection(
            new UserId(Guid.Parse(eve.User)), new DeviceId(Guid.CreateVersion7()), DateTimeOffset.MaxValue, socket,
            new Outbound(wire, TimeProvider.System), new Inbound(TimeProvider.System))
        {
            OnCatchUpNeeded = _ => { },
        };
        connection.Begin([(new ConversationId(Guid.Parse(group)), 0, -1, 1)]); // The inbox before the removal.

        server.Services.GetRequiredService<CatchUpLoop>().Start(connection);

        await Eventually.IsTrue(() => !connection.IsCatchingUp, "the connection has caught up");
        await connection.Outbound.DrainedAsync();
        var sent = Encoding.UTF8.GetString(wire.ToArray());
        Assert.Contains("synced", sent, StringComparison.Ordinal);
        Assert.DoesNotContain(group, sent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_takes_nothing_of_its_catch_up_is_cut_off()
    {
        const int count = 20;
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        string conversation = "";
        for (var i = 0; i < count; i++)
        {
            var text = new string('x', SendMessage.TextMax);
            var message = new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text };
            conversation = (await server.PostAsync("/v1/messages", message, ann.Access)).Is(201)
                .Text("conversation_id");
        }

        Assert.True(await server.Services.GetRequiredService<IReadSide>().WaitForAsync(
            server.Services.GetRequiredService<IConversationWriter>().LastCommitted, Eventually.Deadline,
            CancellationToken.None));
        var farewell = new MemoryStream();
        using var socket = WebSocket.CreateFromStream(farewell, new WebSocketCreationOptions { IsServer = true });
        var connection = new Connection(
            new UserId(Guid.Parse(ben.User)), new DeviceId(Guid.CreateVersion7()), DateTimeOffset.MaxValue, socket,
            new Outbound(new StuckStream(), TimeProvider.System), new Inbound(TimeProvider.System))
        {
            OnCatchUpNeeded = _ => { },
        };
        connection.Begin([(new ConversationId(Guid.Parse(conversation)), 0, -1, count)]);

        Loop().Start(connection);

        await Eventually.IsTrue(() => socket.State == WebSocketState.CloseSent, "the server says goodbye");
        Assert.Equal([0x03, 0xF5], farewell.ToArray()[2..4]); // Close code 1013.
    }

    [Fact]
    public async Task A_place_that_the_timeline_does_not_have_closes_the_connection_after_a_while()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var conversation = await SendAsync(ann, ben, 1);
        using var wire = new Wire();
        var connection = wire.Connect(ben);
        connection.Begin([(conversation, 0, -1, 9)]); // Nothing is behind seq 1.

        Loop().Start(connection);

        await wire.IsClosedAsync(1001);
        await connection.Outbound.DrainedAsync();
        Assert.Contains("hello 0", wire.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("synced", wire.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_conversation_that_the_connection_has_forgotten_goes_on_after_what_the_device_has_confirmed()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var conversation = await SendAsync(ann, ben, 5);
        var confirmed = new { delivered_seq = 3 };
        (await server.PostAsync($"/v1/conversations/{conversation}/receipts", confirmed, ben.Access)).Is(204);
        Assert.True(await server.Services.GetRequiredService<IReadSide>().WaitForAsync(
            server.Services.GetRequiredService<IConversationWriter>().LastCommitted, Eventually.Deadline,
            CancellationToken.None));
        using var wire = new Wire();
        var connection = wire.Connect(ben);
        connection.Begin([]);
        Assert.True(connection.Miss(conversation, 5, LogPosition.Start));

        Loop().Start(connection);

        await Eventually.IsTrue(() => !connection.IsCatchingUp, "the connection has caught up");
        await connection.Outbound.DrainedAsync();
        Assert.Equal(["hello 3", "hello 4"], Texts(wire.Text));
    }

    [Fact]
    public async Task A_catch_up_that_does_not_get_its_turn_tells_the_client_when_to_come_back()
    {
        var ann = await server.SignInAsync();
        using var wire = new Wire();
        var connection = wire.Connect(ann);
        using var turns = new CatchUpTurns(Options.Create(new LiveOptions { CatchUpsMax = 1 }), new HastyClock());
        var (taken, ended) = (new TaskCompletionSource(), new TaskCompletionSource<bool>());
        var holding = turns.TakeAsync(() =>
        {
            taken.SetResult();
            return ended.Task;
        });
        await taken.Task;

        Loop(turns).Start(connection);

        await wire.IsClosedAsync(1001);
        Assert.Matches("busy: reconnect after [0-9]+ s", wire.Farewell);
        ended.SetResult(true);
        await holding;
        var after = wire.Connect(ann);
        Loop(turns).Start(after);
        await Eventually.IsTrue(() => !after.IsCatchingUp, "it is the next one's turn");
    }

    [Fact]
    public async Task No_more_catch_ups_read_at_once_than_may_and_the_others_follow_in_order()
    {
        const int max = 3, count = 50;
        using var turns = new CatchUpTurns(
            Options.Create(new LiveOptions { CatchUpsMax = max }), TimeProvider.System);
        var (running, most, order) = (0, 0, new ConcurrentQueue<int>());
        var gate = new TaskCompletionSource();

        var all = Enumerable.Range(0, count).Select(n => turns.TakeAsync(async () =>
        {
            order.Enqueue(n);
            most = Math.Max(most, Interlocked.Increment(ref running));
            await gate.Task;
            Interlocked.Decrement(ref running);
            return n;
        })).ToList();
        Assert.Equal(max, order.Count);
        gate.SetResult();
        await Task.WhenAll(all).WaitAsync(Eventually.Deadline);

        Assert.Equal(max, most);
        Assert.Equal(count, order.Distinct().Count());
    }

    /// <summary>Sends texts "hello 0" and so on, and waits until the views have them.</summary>
    /// <returns>The conversation. Its first message has seq 1.</returns>
    private async Task<ConversationId> SendAsync(Tokens from, Tokens to, int count)
    {
        var conversation = "";
        for (var i = 0; i < count; i++)
        {
            var text = $"hello {i}";
            var message = new { message_id = Guid.CreateVersion7(), receiver_id = to.User, type = "text", text };
            conversation = (await server.PostAsync("/v1/messages", message, from.Access)).Is(201)
                .Text("conversation_id");
        }

        Assert.True(await server.Services.GetRequiredService<IReadSide>().WaitForAsync(
            server.Services.GetRequiredService<IConversationWriter>().LastCommitted, Eventually.Deadline,
            CancellationToken.None));
        return new ConversationId(Guid.Parse(conversation));
    }

    private CatchUpLoop Loop(CatchUpTurns? turns = null) => ActivatorUtilities.CreateInstance<CatchUpLoop>(
        server.Services, turns ?? server.Services.GetRequiredService<CatchUpTurns>(), new HastyClock());

    private static IEnumerable<string> Texts(string sent) =>
        Regex.Matches(sent, "\"text\":\"(hello [0-9]+)\"").Select(match => match.Groups[1].Value);

    /// <summary>What a connection has sent, and its close frame.</summary>
    private sealed class Wire : IDisposable
    {
        private readonly MemoryStream _wire = new();
        private MemoryStream _farewell = new();
        private WebSocket? _socket;

        public string Text => Encoding.UTF8.GetString(_wire.ToArray());

        public string Farewell => Encoding.UTF8.GetString(_farewell.ToArray());

        public Connection Connect(Tokens tokens)
        {
            _socket?.Dispose();
            _farewell = new MemoryStream();
            _socket = WebSocket.CreateFromStream(_farewell, new WebSocketCreationOptions { IsServer = true });
            return new Connection(
                new UserId(Guid.Parse(tokens.User)), new DeviceId(Guid.Parse(tokens.Device)), DateTimeOffset.MaxValue,
                _socket, new Outbound(_wire, TimeProvider.System), new Inbound(TimeProvider.System))
            {
                OnCatchUpNeeded = _ => { },
            };
        }

        public async Task IsClosedAsync(int code)
        {
            await Eventually.IsTrue(() => _socket!.State == WebSocketState.CloseSent, "the server says goodbye");
            Assert.Equal([(byte)(code >> 8), (byte)code], _farewell.ToArray()[2..4]);
        }

        public void Dispose()
        {
            _socket?.Dispose();
            _wire.Dispose();
            _farewell.Dispose();
        }
    }

    /// <summary>The stream of a peer that reads nothing.</summary>
    private sealed class StuckStream : MemoryStream
    {
        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(new TaskCompletionSource().Task);
    }

    /// <summary>A clock that shortens the long waits to 100 ms, and the short ones to nothing.</summary>
    private sealed class HastyClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(
                callback, state,
                dueTime == CatchUpLoop.PatienceMax || dueTime == CatchUpTurns.WaitMax
                    ? TimeSpan.FromMilliseconds(100)
                    : TimeSpan.Zero,
                period);
    }
}
