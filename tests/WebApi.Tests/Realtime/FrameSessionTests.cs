using System.Net.WebSockets;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>The bounds of commands in flight and of large frames that arrive; further ones wait.</summary>
public sealed class FrameSessionTests : IDisposable
{
    private const int Large = FrameSession.InFlightBytesMax / 2;

    private readonly ClientWebSocket _socket = new();
    private readonly FrameShare _node = FrameShare.OfNode();

    public void Dispose() => _socket.Dispose();

    [Fact]
    public async Task Commands_in_flight_are_bounded()
    {
        var session = Session(new FrameShare());
        for (var n = 0; n < FrameSession.InFlightMax; n++)
            Assert.True(session.EnterAsync(100).IsCompletedSuccessfully);

        var waiting = session.EnterAsync(100);
        Assert.False(waiting.IsCompleted);
        session.Leave(100);
        await waiting.AsTask().WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Frames_of_commands_in_flight_are_bounded_except_a_single_one()
    {
        const int huge = 3 * 1024 * 1024;
        var session = Session(new FrameShare());
        Assert.True(session.EnterAsync(huge).IsCompletedSuccessfully);

        var waiting = session.EnterAsync(1);
        Assert.False(waiting.IsCompleted);
        session.Leave(huge);
        await waiting.AsTask().WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Frames_in_flight_of_all_sockets_of_a_user_are_bounded_and_hold_nobody_else_up()
    {
        var share = new FrameShare();
        for (var bytes = 0L; bytes < FrameShare.CommandsMax; bytes += Large)
            Assert.True(Session(share).EnterAsync(Large).IsCompletedSuccessfully);

        var (one, other) = (Session(share), Session(share));
        var (first, second) = (one.EnterAsync(Large), other.EnterAsync(1));
        Assert.False(first.IsCompleted);
        Assert.False(second.IsCompleted); // In the order of their coming: small ones do not starve large ones.
        Assert.True(Session(new FrameShare()).EnterAsync(Large).IsCompletedSuccessfully);

        _node.Commands.Leave(Large);
        share.Commands.Leave(Large);
        await first.AsTask().WaitAsync(Eventually.Deadline);
        Assert.False(second.IsCompleted);
        one.Leave(Large);
        await second.AsTask().WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Frames_in_flight_of_the_whole_node_are_bounded()
    {
        for (var bytes = 0L; bytes < FrameShare.AllCommandsMax; bytes += Large)
            Assert.True(Session(new FrameShare()).EnterAsync(Large).IsCompletedSuccessfully);

        var waiting = Session(new FrameShare()).EnterAsync(Large);
        Assert.False(waiting.IsCompleted);
        _node.Commands.Leave(Large);
        await waiting.AsTask().WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Buffers_of_large_frames_are_bounded()
    {
        const int buffer = 1024 * 1024;
        var share = new FrameShare();
        for (var bytes = 0L; bytes < FrameShare.BuffersMax; bytes += buffer)
            Assert.True(Session(share).BeginBufferAsync(buffer).IsCompletedSuccessfully);

        var session = Session(share);
        var waiting = session.BeginBufferAsync(buffer);
        Assert.False(waiting.IsCompleted);
        Assert.True(Session(new FrameShare()).BeginBufferAsync(buffer).IsCompletedSuccessfully);
        session.EndBuffer(buffer);
        await waiting.AsTask().WaitAsync(Eventually.Deadline);
    }

    private FrameSession Session(FrameShare share) => new(
        new Connection(
            new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), DateTimeOffset.MaxValue, _socket,
            new Outbound(Stream.Null, TimeProvider.System), new Inbound(TimeProvider.System))
        {
            OnCatchUpNeeded = _ => { },
            Share = share,
        },
        _node);
}
