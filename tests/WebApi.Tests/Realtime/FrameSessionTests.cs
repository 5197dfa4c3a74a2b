using System.Net.WebSockets;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>The bounds of one socket's commands in flight; further commands wait.</summary>
public sealed class FrameSessionTests : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly FrameSession _session;

    public FrameSessionTests() => _session = new FrameSession(
        new Connection(
            new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), DateTimeOffset.MaxValue, _socket,
            new Outbound(Stream.Null))
        {
            OnCatchUpNeeded = _ => { },
        });

    public void Dispose() => _socket.Dispose();

    [Fact]
    public async Task Commands_in_flight_are_bounded()
    {
        for (var n = 0; n < FrameSession.InFlightMax; n++)
            Assert.True(_session.EnterAsync().IsCompletedSuccessfully);

        var waiting = _session.EnterAsync();
        Assert.False(waiting.IsCompleted);
        _session.Leave();
        await waiting.AsTask().WaitAsync(Testing.Eventually.Deadline);
    }

    [Fact]
    public async Task Content_in_flight_is_bounded_except_of_a_single_command()
    {
        const int Huge = 3 * 1024 * 1024;
        Assert.True(_session.EnterAsync(Huge).IsCompletedSuccessfully);
        Assert.True(_session.EnterAsync().IsCompletedSuccessfully); // A command without content.

        var waiting = _session.EnterAsync(1);
        Assert.False(waiting.IsCompleted);
        _session.Leave();
        Assert.False(waiting.IsCompleted);
        _session.Leave(Huge);
        await waiting.AsTask().WaitAsync(Testing.Eventually.Deadline);
    }
}
