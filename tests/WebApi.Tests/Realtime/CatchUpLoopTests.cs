using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

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
            new Outbound(wire))
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
            new Outbound(new StuckStream()))
        {
            OnCatchUpNeeded = _ => { },
        };
        connection.Begin([(new ConversationId(Guid.Parse(conversation)), 0, -1, count)]);

        ActivatorUtilities.CreateInstance<CatchUpLoop>(server.Services, new HastyClock()).Start(connection);

        await Eventually.IsTrue(() => socket.State == WebSocketState.CloseSent, "the server says goodbye");
        Assert.Equal([0x03, 0xF5], farewell.ToArray()[2..4]); // Close code 1013.
    }

    /// <summary>The stream of a peer that reads nothing.</summary>
    private sealed class StuckStream : MemoryStream
    {
        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(new TaskCompletionSource().Task);
    }

    /// <summary>A clock that shortens the loop's patience to 100 ms.</summary>
    private sealed class HastyClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(
                callback, state, dueTime == CatchUpLoop.PatienceMax ? TimeSpan.FromMilliseconds(100) : dueTime, period);
    }
}
