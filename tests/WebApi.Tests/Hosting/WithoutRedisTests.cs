using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Hosting;

/// <summary>A server that cannot reach its Redis.</summary>
public sealed class ServerWithoutRedis : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("ConnectionStrings:Redis", "127.0.0.1:1,connectTimeout=500")];
}

/// <summary>Messages do not depend on Redis.</summary>
public sealed class WithoutRedisTests(ServerWithoutRedis server) : IClassFixture<ServerWithoutRedis>
{
    [Fact]
    public async Task A_node_starts_and_delivers_while_Redis_is_away()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var socket = await server.ConnectAsync(ben.Access);

        (await server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text = "hello" },
            ann.Access)).Is(201);

        var buffer = new byte[64 * 1024];
        string frame;
        do
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            Assert.Equal(WebSocketMessageType.Text, received.MessageType);
            frame = Encoding.UTF8.GetString(buffer, 0, received.Count);
        }
        while (!frame.StartsWith("""{"op":"message",""", StringComparison.Ordinal));
    }
}
