using System.Buffers.Binary;
using System.Net.WebSockets;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>A server that pings every second.</summary>
public sealed class PingingServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:Enabled", "false"), ("Live:KeepAlive", "00:00:01")];
}

public sealed class PingTests(PingingServer server) : IClassFixture<PingingServer>
{
    private const byte Ping = 0x89, Close = 0x88;

    [Fact]
    public async Task The_server_pings_and_lets_go_of_a_peer_that_says_nothing()
    {
        var ann = await server.SignInAsync();
        using var silent = await RawSocket.OpenAsync(server, ann.Access);
        using var answering = await server.ConnectAsync((await server.SignInAsync()).Access);
        var reading = ReadAsync(answering); // Answers pings.

        Assert.Empty(await silent.NextAsync(Ping));
        var closing = await silent.NextAsync(Close);

        Assert.Equal(1001, BinaryPrimitives.ReadUInt16BigEndian(closing));
        Assert.False(reading.IsCompleted);
        Assert.Equal(WebSocketState.Open, answering.State);
    }

    private static async Task ReadAsync(ClientWebSocket socket)
    {
        var buffer = new byte[4096];
        while ((await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled())).MessageType
            != WebSocketMessageType.Close)
        {
        }
    }
}
