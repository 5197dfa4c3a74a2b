using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server on which a user may send a few frames, and then none for the time of a test.</summary>
public sealed class FrameLimitedServer : ChatServer
{
    public const int FramesMax = 5;

    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:Frames:Burst", $"{FramesMax}"), ("RateLimits:Frames:PerSecond", "0.001")];
}

public sealed class FrameLimitTests(FrameLimitedServer server) : IClassFixture<FrameLimitedServer>
{
    [Theory]
    [InlineData("send")]
    [InlineData("delivered")]
    [InlineData("read")]
    [InlineData("sync")]
    [InlineData("subscribe_presence")]
    [InlineData("ping")]
    public async Task Who_sends_too_many_frames_is_refused_whatever_they_are(string op)
    {
        using var socket = await server.ConnectAsync((await server.SignInAsync()).Access);
        for (var i = 0; i < FrameLimitedServer.FramesMax; i++)
            await SendAsync(socket, new { op = "ping", id = i });

        await SendAsync(socket, new { op, id = "one more" });

        Assert.Equal(FrameLimitedServer.FramesMax, await PongsUntilLimitedAsync(socket));
    }

    private static Task SendAsync(ClientWebSocket socket, object frame) =>
        socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text, true, Eventually.Cancelled());

    private static async Task<int> PongsUntilLimitedAsync(ClientWebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        for (var pongs = 0; ;)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            var frame = JsonDocument.Parse(buffer.AsMemory(0, received.Count)).RootElement;
            switch (frame.GetProperty("op").GetString())
            {
                case "pong":
                    pongs++;
                    break;
                case "error":
                    Assert.Equal("rate_limited", frame.GetProperty("problem").GetProperty("code").GetString());
                    Assert.Equal("one more", frame.GetProperty("ref").GetString());
                    return pongs;
            }
        }
    }
}
