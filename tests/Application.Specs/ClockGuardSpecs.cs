using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Specs.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs;

/// <summary>A clock that jumps is not decided by.</summary>
public sealed class ClockGuardSpecs : WriterSpecs
{
    private static readonly TimeSpan Far = ClockGuard.OffMax + TimeSpan.FromSeconds(1);

    private readonly SteppedClock _clock = new();

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_jump_is_noticed_at_once_and_is_over_once_the_clock_is_back(int sign)
    {
        var guard = new ClockGuard(_clock);
        _clock.Pass(TimeSpan.FromHours(3));
        Assert.Null(guard.Problem);

        _clock.Now += sign * Far;
        Assert.NotNull(guard.Problem);
        guard.Compare(_clock.Now); // The database runs on the same machine, and jumped, too.
        _clock.Pass(TimeSpan.FromHours(1));
        Assert.Contains($"{sign * Far.TotalSeconds}", guard.Problem, StringComparison.Ordinal);

        _clock.Now -= sign * Far;
        Assert.Null(guard.Problem);
    }

    [Fact]
    public void Small_corrections_are_followed_however_many()
    {
        var guard = new ClockGuard(_clock);
        for (var n = 0; n < 10; n++)
        {
            _clock.Pass(TimeSpan.FromMinutes(10));
            _clock.Now += TimeSpan.FromMinutes(1);
            Assert.Null(guard.Problem);
            guard.Compare(_clock.Now);
        }
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(1, false)]
    public void A_machine_that_slept_goes_on_by_itself(int hoursAsleep, bool isRight)
    {
        var guard = new ClockGuard(_clock);
        guard.Compare(_clock.Now, TimeSpan.FromHours(3)); // It has slept before.
        _clock.Now += TimeSpan.FromHours(8);
        Assert.NotNull(guard.Problem);

        guard.Compare(_clock.Now, TimeSpan.FromHours(3 + hoursAsleep));

        Assert.Equal(isRight, guard.Problem is null);
    }

    [Fact]
    public void A_clock_that_differs_from_the_databases_is_off_until_they_agree()
    {
        var guard = new ClockGuard(_clock);
        guard.Compare(_clock.Now - Far);
        Assert.Equal(Far, guard.Offset);
        Assert.NotNull(guard.Problem);

        guard.Compare(_clock.Now + ClockGuard.OffMax);
        Assert.Null(guard.Problem);
    }

    [Fact]
    public async Task By_a_clock_that_is_off_nothing_is_decided_and_everything_is_still_shown()
    {
        var node = await NodeAsync();
        var sent = await node.SendAsync(Ann, Ben);
        var id = WriterNode.NewId();

        node.Guard.Compare(DateTimeOffset.UtcNow - Far);
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben, id));
        Assert.Contains("clock", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.DeliverAsync(Theirs, Ben, 1));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => node.StartConversationAsync(Ann, new UserId(Guid.CreateVersion7())));
        Assert.Equal(sent.Seq, (await node.Writer.PeekAsync(Theirs, default)).LastSeq);
        Assert.Equal(2, (await EntriesAsync()).Count);

        node.Guard.Compare(DateTimeOffset.UtcNow);
        Assert.Equal(2, (await node.SendAsync(Ann, Ben, id)).Seq);
    }

    /// <summary>A clock and a monotonic time that a test sets apart.</summary>
    private sealed class SteppedClock : TimeProvider
    {
        private long _monotonic;

        public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => _monotonic;

        public void Pass(TimeSpan time)
        {
            Now += time;
            _monotonic += time.Ticks;
        }
    }
}
