using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Tests.Accounts;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>What alerts rest on does not stand still when everything else does.</summary>
public sealed class ReadSideWatchTests : ProjectingTest
{
    [Fact]
    public async Task Streams_that_are_set_aside_are_counted_and_the_lag_rises_while_nothing_can_be_asked()
    {
        await using var node = await StartNodeAsync();
        await Log.AppendAsync(
            [new StreamAppend(Some.Stream(), StreamAppend.NoStream, [Some.Event()])], CancellationToken.None);
        await node.CaughtUpAsync(new LogPosition(1));
        var clock = new ManualClock(DateTimeOffset.UnixEpoch);
        using var watch = new ReadSideWatch(node.Get<IProjections>(), clock);
        await watch.StartAsync(CancellationToken.None);
        await Eventually.IsTrue(() => watch.SetAsideStreams == 1, "the stream is counted");
        Assert.Equal(0, watch.BehindSeconds);

        Log.Reachable = false;
        clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(60, watch.BehindSeconds);
        await watch.StopAsync(CancellationToken.None);
    }
}
