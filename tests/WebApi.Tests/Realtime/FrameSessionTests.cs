using System.Net.WebSockets;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>How much one socket may have under way; whoever wants more waits.</summary>
public sealed class FrameSessionTests : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly FrameSession _session;

    public FrameSessionTests() => _session = new FrameSession(
        new Connection(new UserId(Guid.NewGuid()), new DeviceId(Guid.NewGuid()), DateTimeOffset.MaxValue, _socket, new Outbound(Stream.Null))
        {
            OnCatchUpNeeded = _ => { },
        });

    public void Dispose() => _socket.Dispose();

    [Fact]
    public async Task So_many_commands_are_under_way_at_once()
    {
        for (var n = 0; n < FrameSession.InFlightMax; n++)
            Assert.True(_session.EnterAsync().IsCompletedSuccessfully);

        var waiting = _session.EnterAsync();
        Assert.False(waiting.IsCompleted);
        _session.Leave();
        await waiting.AsTask().WaitAsync(Testing.Eventually.Deadline);
    }

    [Fact]
    public async Task So_much_is_said_at_once_though_one_alone_may_say_more()
    {
        const int Huge = 3 * 1024 * 1024;
        Assert.True(_session.EnterAsync(Huge).IsCompletedSuccessfully);
        Assert.True(_session.EnterAsync().IsCompletedSuccessfully); // Says nothing.

        var waiting = _session.EnterAsync(1);
        Assert.False(waiting.IsCompleted);
        _session.Leave();
        Assert.False(waiting.IsCompleted);
        _session.Leave(Huge);
        await waiting.AsTask().WaitAsync(Testing.Eventually.Deadline);
    }
}
