using System.Net.WebSockets;
using System.Text;
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
    public async Task Who_was_taken_out_before_something_was_fetched_does_not_get_it()
    {
        var (ann, eve) = (await server.SignInAsync(), await server.SignInAsync());
        var group = (await server.PostAsync("/v1/conversations", new { type = "group", title = "us", member_ids = new[] { eve.User } }, ann.Access)).Is(201)
            .Text("conversation_id");
        (await server.PostAsync(
            "/v1/messages", new { message_id = Guid.CreateVersion7(), conversation_id = group, type = "text", text = "hello" }, ann.Access)).Is(201);
        (await server.DeleteAsync($"/v1/conversations/{group}/members/{eve.User}", ann.Access)).Is(204);
        Assert.True(await server.Services.GetRequiredService<IReadSide>().WaitForAsync(
            server.Services.GetRequiredService<IConversationWriter>().LastCommitted, Eventually.Deadline, CancellationToken.None));
        using var socket = WebSocket.CreateFromStream(new MemoryStream(), new WebSocketCreationOptions { IsServer = true });
        var wire = new MemoryStream();
        var connection = new Connection(
            new UserId(Guid.Parse(eve.User)), new DeviceId(Guid.CreateVersion7()), DateTimeOffset.MaxValue, socket, new Outbound(wire))
        {
            OnCatchUpNeeded = _ => { },
        };
        connection.Begin([(new ConversationId(Guid.Parse(group)), 0, -1, 1)]); // As it was when her inbox was looked at.

        server.Services.GetRequiredService<CatchUpLoop>().Start(connection);

        await Eventually.IsTrue(() => !connection.IsCatchingUp, "the connection has caught up");
        await connection.Outbound.DrainedAsync();
        var sent = Encoding.UTF8.GetString(wire.ToArray());
        Assert.Contains("synced", sent, StringComparison.Ordinal);
        Assert.DoesNotContain(group, sent, StringComparison.Ordinal);
    }
}
