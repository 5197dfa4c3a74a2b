using System.Buffers.Binary;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>Tests that measure memory, or seconds that are promised. They run when no others do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Measurement
{
    public const string Name = "measurement";
}

/// <summary>A million control frames on a real socket whose client does not read.</summary>
[Collection(Measurement.Name)]
public sealed class ControlFrameTests(ChatServer server) : IClassFixture<ChatServer>
{
    private const int Pings = 1_000_000, Warming = 10_000;

    /// <summary>The bytes of one write.</summary>
    private const int BatchSize = 16 * 1024;

    private const byte Ping = 0x89, Pong = 0x8A;

    /// <summary>What may be left of a million pings that would be 64 MiB, one queue entry each.</summary>
    private const long KeptMax = 4 * 1024 * 1024;

    [Fact]
    public async Task A_million_pings_that_nobody_reads_the_answers_of_leave_nothing_and_the_newest_is_answered()
    {
        var ann = await server.SignInAsync();
        using var socket = await RawSocket.OpenAsync(server, ann.Access, receiveBuffer: 4 * 1024);
        var sockets = server.Services.GetRequiredService<OpenSockets>();
        var user = new UserId(Guid.Parse(ann.User));
        await Eventually.IsTrue(() => sockets.Of(user).Length == 1, "the server knows the socket");
        var connection = sockets.Of(user)[0];
        await SendPingsAsync(socket, 0, Warming); // Fills the pools of buffers.
        await HandledAsync(connection);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        await SendPingsAsync(socket, Warming, Pings);
        await HandledAsync(connection);

        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.InRange(kept, long.MinValue, KeptMax);
        Assert.InRange(connection.Outbound.Bytes, 0, 100_000); // At most one write and one pong.
        var newest = -1;
        while (newest < Pings - 1)
        {
            var number = BinaryPrimitives.ReadInt32BigEndian(await socket.NextAsync(Pong));
            Assert.True(number > newest);
            newest = number;
        }
    }

    /// <summary>Waits until the server has read all pings.</summary>
    private static Task HandledAsync(Connection connection) => Eventually.IsTrue(
        () => connection.Inbound.SilentFor > TimeSpan.FromMilliseconds(200), "the server waits for more");

    /// <summary>Numbered pings. The client does not read meanwhile.</summary>
    private static async Task SendPingsAsync(RawSocket socket, int first, int end)
    {
        var batch = new List<byte>();
        for (var n = first; n < end; n++)
        {
            var number = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(number, n);
            batch.AddRange(RawSocket.Frame(Ping, number));
            if (batch.Count < BatchSize && n < end - 1)
                continue;
            await socket.SendAsync(batch.ToArray());
            batch.Clear();
        }
    }
}
