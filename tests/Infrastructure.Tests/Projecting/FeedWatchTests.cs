using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Tests.Accounts;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>A subscription that delivers nothing, though the log goes on, is noticed.</summary>
public sealed class FeedWatchTests
{
    private readonly InMemoryEventStore _log = new();
    private readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);
    private readonly FeedWatch _watch;

    public FeedWatchTests() => _watch = new FeedWatch(_log, _clock);

    [Fact]
    public async Task Without_anything_new_there_is_no_lag()
    {
        var head = await AppendAsync();
        _clock.Advance(FeedWatch.SilenceMax);

        Assert.Equal(TimeSpan.Zero, await LookAsync(head));
    }

    [Fact]
    public async Task The_lag_grows_while_nothing_is_delivered_and_then_the_subscription_is_left()
    {
        var head = await AppendAsync();
        await AppendAsync();

        Assert.Equal(TimeSpan.Zero, await LookAsync(head));
        _clock.Advance(FeedWatch.SilenceMax / 2);
        Assert.Equal(FeedWatch.SilenceMax / 2, await LookAsync(head));
        _clock.Advance(FeedWatch.SilenceMax / 2);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => LookAsync(head));
    }

    [Fact]
    public async Task What_is_delivered_late_is_no_silence()
    {
        var head = await AppendAsync();
        var next = await AppendAsync();
        await LookAsync(head);
        _clock.Advance(FeedWatch.SilenceMax);
        _watch.Delivered();
        await AppendAsync();

        Assert.Equal(TimeSpan.Zero, await LookAsync(next));
    }

    [Fact]
    public async Task Events_that_two_subscriptions_do_not_deliver_are_truncated_and_later_ones_are_waited_for_again()
    {
        await AppendAsync();
        await LeaveAsync();
        await LookAsync(LogPosition.Start);
        _clock.Advance(FeedWatch.SilenceMax);
        Assert.Equal(TimeSpan.Zero, await LookAsync(LogPosition.Start));
        _clock.Advance(FeedWatch.SilenceMax);
        Assert.Equal(TimeSpan.Zero, await LookAsync(LogPosition.Start));

        await AppendAsync();
        await LeaveAsync();
    }

    private async Task LeaveAsync()
    {
        await LookAsync(LogPosition.Start);
        _clock.Advance(FeedWatch.SilenceMax);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => LookAsync(LogPosition.Start));
    }

    private Task<TimeSpan> LookAsync(LogPosition position) => _watch.LookAsync(position, CancellationToken.None);

    private async Task<LogPosition> AppendAsync()
    {
        var stream = StreamName.Of(new ConversationId(Guid.NewGuid()));
        var append = new StreamAppend(stream, StreamAppend.NoStream, Some.Events(1));
        return ((AppendOutcome.Appended)(await _log.AppendAsync([append], CancellationToken.None))[0]).Position;
    }
}
