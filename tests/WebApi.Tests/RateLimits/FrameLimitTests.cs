using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that allows a user a few frames, and then none for the time of a test.</summary>
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
    public async Task Too_many_frames_are_refused_whatever_their_op(string op)
    {
        using var socket = await server.ConnectAsync((await server.SignInAsync()).Access);
        for (var i = 0; i < FrameLimitedServer.FramesMax; i++)
            await SendAsync(socket, new { op = "ping", id = i });

        await SendAsync(socket, new { op, id = "one more" });

        Assert.Equal(FrameLimitedServer.FramesMax, await PongsUntilLimitedAsync(socket));
    }

    public static TheoryData<string, byte[]> Rubbish => new()
    {
        { "binary", "hello"u8.ToArray() },
        { "text", "{"u8.ToArray() },
        { "text", "null"u8.ToArray() },
        { "text", Encoding.UTF8.GetBytes($"{{\"op\":\"ping\",\"id\":\"{new string('x', 2_000)}") },
        { "text", """{"op":"typing","conversation_id":"01960000-0000-7000-8000-000000000000"}"""u8.ToArray() },
        {
            "text",
            Encoding.UTF8.GetBytes($"{{\"op\":\"typing\",\"active\":true,\"text\":\"{new string('x', 2_000)}\"}}")
        },
    };

    [Theory]
    [MemberData(nameof(Rubbish))]
    public async Task Malformed_frames_count_too(string kind, byte[] frame)
    {
        using var socket = await server.ConnectAsync((await server.SignInAsync()).Access);
        for (var i = 0; i < FrameLimitedServer.FramesMax; i++)
            await SendAsync(socket, new { op = "ping", id = i });

        await socket.SendAsync(
            frame, kind == "text" ? WebSocketMessageType.Text : WebSocketMessageType.Binary, true,
            Eventually.Cancelled());

        Assert.Equal(FrameLimitedServer.FramesMax, await PongsUntilLimitedAsync(socket, reference: null));
    }

    [Fact]
    public async Task A_large_frame_that_is_refused_is_named()
    {
        using var socket = await server.ConnectAsync((await server.SignInAsync()).Access);
        for (var i = 0; i < FrameLimitedServer.FramesMax; i++)
            await SendAsync(socket, new { op = "ping", id = i });

        await SendAsync(socket, new { op = "send", text = new string('x', 2_000), message_id = "one more" });

        Assert.Equal(FrameLimitedServer.FramesMax, await PongsUntilLimitedAsync(socket));
    }

    [Fact]
    public async Task A_sync_counts_as_often_as_it_names_conversations_and_passes_with_any_number_of_them()
    {
        var conversations = Enumerable.Range(0, 2 * FrameLimitedServer.FramesMax)
            .ToDictionary(_ => $"{Guid.CreateVersion7()}", _ => 0);
        using var whole = await server.ConnectAsync((await server.SignInAsync()).Access);
        await SendAsync(whole, new { op = "sync", id = "sync", conversations });
        var problem = (await NextErrorAsync(whole)).GetProperty("problem");
        Assert.Equal("conversation_unknown", problem.GetProperty("code").GetString());

        using var socket = await server.ConnectAsync((await server.SignInAsync()).Access);
        await SendAsync(socket, new { op = "ping", id = 1 });
        await SendAsync(socket, new { op = "sync", id = "one more", conversations });

        Assert.Equal(1, await PongsUntilLimitedAsync(socket));
    }

    private static Task SendAsync(ClientWebSocket socket, object frame) =>
        socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text, true, Eventually.Cancelled());

    private static async Task<JsonElement> NextErrorAsync(ClientWebSocket socket)
    {
        JsonElement frame;
        do
            frame = await NextAsync(socket);
        while (frame.GetProperty("op").GetString() != "error");
        return frame;
    }

    private static async Task<JsonElement> NextAsync(ClientWebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
        return JsonDocument.Parse(buffer.AsMemory(0, received.Count)).RootElement;
    }

    private static async Task<int> PongsUntilLimitedAsync(ClientWebSocket socket, string? reference = "one more")
    {
        for (var pongs = 0; ;)
        {
            var frame = await NextAsync(socket);
            switch (frame.GetProperty("op").GetString())
            {
                case "pong":
                    pongs++;
                    break;
                case "error":
                    Assert.Equal("rate_limited", frame.GetProperty("problem").GetProperty("code").GetString());
                    Assert.Equal(reference, frame.GetProperty("ref").GetString());
                    return pongs;
            }
        }
    }
}
