using System.Buffers.Binary;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Realtime;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that allows a user some frames, and then none for the time of a test.</summary>
public sealed class ControlFrameLimitedServer : ChatServer
{
    public const int FramesMax = 100;

    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:Frames:Burst", $"{FramesMax}"), ("RateLimits:Frames:PerSecond", "0.001")];
}

public sealed class ControlFrameLimitTests(ControlFrameLimitedServer server) : IClassFixture<ControlFrameLimitedServer>
{
    private const byte Beginning = 0x01, Middle = 0x00, Ping = 0x89, Pong = 0x8A, Close = 0x88;

    [Theory]
    [InlineData(Ping, Ping)]
    [InlineData(Pong, Pong)]
    [InlineData(Beginning, Middle)]
    public async Task Control_frames_and_fragments_count_as_frames_and_too_many_close_the_socket(byte first, byte next)
    {
        using var socket = await RawSocket.OpenAsync(server, (await server.SignInAsync()).Access);

        await socket.SendAsync(RawSocket.Frame(first));
        for (var n = 0; n < ControlFrameLimitedServer.FramesMax; n++)
            await socket.TrySendAsync(RawSocket.Frame(next));

        Assert.Equal(1008, BinaryPrimitives.ReadUInt16BigEndian(await socket.NextAsync(Close)));
    }

    [Fact]
    public async Task As_many_as_allowed_are_answered()
    {
        using var socket = await RawSocket.OpenAsync(server, (await server.SignInAsync()).Access);

        for (byte n = 1; n <= 50; n++)
            await socket.SendAsync(RawSocket.Frame(Ping, n));

        while ((await socket.NextAsync(Pong))[0] < 50)
        {
        }
    }
}
