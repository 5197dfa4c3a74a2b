using System.Net.WebSockets;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>What the keeper of the sockets does about one without progress.</summary>
public sealed class SocketCheckTests : IDisposable
{
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(30);

    private readonly ManualClock _clock = new();
    private readonly MemoryStream _farewell = new();
    private readonly MemoryStream _wire = new();
    private readonly StuckStream _stuck = new();
    private readonly WebSocket _socket;
    private readonly Inbound _inbound;

    public SocketCheckTests()
    {
        _socket = WebSocket.CreateFromStream(_farewell, new WebSocketCreationOptions { IsServer = true });
        _inbound = new Inbound(_clock);
        _clock.Advance(TimeSpan.FromHours(1));
    }

    public void Dispose()
    {
        _socket.Dispose();
        _farewell.Dispose();
        _wire.Dispose();
        _stuck.Dispose();
    }

    [Fact]
    public async Task A_write_without_progress_for_a_minute_closes_the_socket()
    {
        var connection = Connected(_stuck);
        connection.Send(new byte[100]);

        _clock.Advance(TimeSpan.FromSeconds(59));
        connection.Check(_clock, KeepAlive);
        Assert.Equal(WebSocketState.Open, _socket.State);
        _clock.Advance(TimeSpan.FromSeconds(1));
        connection.Check(_clock, KeepAlive);

        IsClosed(1013);
        await Eventually.IsTrue(() => !_farewell.CanRead, "the connection is cut"); // Nobody reads the close frame.
    }

    [Fact]
    public void A_frame_that_is_not_finished_in_time_closes_the_socket()
    {
        var connection = Connected(_wire);
        _inbound.Note([0x81]);
        _inbound.Wait();

        _clock.Advance(Inbound.UnfinishedMax - TimeSpan.FromSeconds(1));
        connection.Check(_clock, KeepAlive);
        Assert.Equal(WebSocketState.Open, _socket.State);
        _clock.Advance(TimeSpan.FromSeconds(1));
        connection.Check(_clock, KeepAlive);

        IsClosed(1008);
    }

    [Fact]
    public async Task A_peer_is_pinged_regularly_and_closed_when_nothing_comes_of_it()
    {
        var connection = Connected(_wire);
        _inbound.Wait();
        connection.Check(_clock, KeepAlive);
        for (var second = 1; second < 90; second++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            connection.Check(_clock, KeepAlive);
            await WrittenAsync(connection);
        }

        Assert.Equal([0x89, 0x00, 0x89, 0x00], _wire.ToArray()); // After 30 s and after 60 s.
        Assert.Equal(WebSocketState.Open, _socket.State);
        _clock.Advance(TimeSpan.FromSeconds(1));
        connection.Check(_clock, KeepAlive);

        IsClosed(1001);
    }

    [Fact]
    public async Task A_peer_that_answers_stays_and_so_does_one_whom_the_server_does_not_read()
    {
        var connection = Connected(_wire);
        connection.Check(_clock, KeepAlive);
        for (var minute = 0; minute < 10; minute++)
        {
            _inbound.Wait();
            _clock.Advance(TimeSpan.FromSeconds(60));
            _inbound.Note([0x8A, 0x80, 0, 0, 0, 0]);
            connection.Check(_clock, KeepAlive);
            await WrittenAsync(connection);
        }

        _clock.Advance(TimeSpan.FromMinutes(10));
        connection.Check(_clock, KeepAlive);

        await WrittenAsync(connection);
        Assert.Equal(WebSocketState.Open, _socket.State);
        Assert.Equal(11 * 2, _wire.Length);
    }

    /// <summary>Waits until a ping is written: otherwise the clock would go on during its write.</summary>
    private static Task WrittenAsync(Connection connection) => Eventually.IsTrue(
        () => connection.Outbound is { Bytes: 0, StalledFor.Ticks: 0 }, "everything is written");

    private Connection Connected(Stream stream) => new(
        new UserId(Guid.CreateVersion7()), new DeviceId(Guid.CreateVersion7()), DateTimeOffset.MaxValue, _socket,
        new Outbound(stream, _clock), _inbound)
    {
        OnCatchUpNeeded = _ => { },
    };

    private void IsClosed(int code)
    {
        Assert.Equal(WebSocketState.CloseSent, _socket.State);
        Assert.Equal([(byte)(code >> 8), (byte)code], _farewell.ToArray()[2..4]);
    }

    private sealed class StuckStream : MemoryStream
    {
        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(new TaskCompletionSource().Task);
    }
}
