using System.Globalization;

namespace ChatCqrs.Application;

/// <summary>
/// Whether this node's clock may be decided by. Messages are stamped with it, and their times never go back: after a
/// jump ahead all later messages of a conversation would have the same time, and sweeps would let go what is not due.
/// </summary>
/// <remarks>
/// The clock is compared with the monotonic time since it was last known to be right, at every decision, and with the
/// database's time every few seconds. After a jump it is right again only once it is back where the monotonic time
/// says; a restart takes it as it is. The monotonic time stands still while the machine sleeps, so sleep is added.
/// </remarks>
public sealed class ClockGuard
{
    /// <summary>The most that the clock may differ.</summary>
    public static readonly TimeSpan OffMax = TimeSpan.FromMinutes(2);

    private readonly TimeProvider _clock;
    private volatile Reference _reference;

    public ClockGuard(TimeProvider clock)
    {
        _clock = clock;
        _reference = new Reference(clock.GetUtcNow(), clock.GetTimestamp(), TimeSpan.Zero, Slept: null);
        Telemetry.Meter.CreateObservableGauge(
            "chat.clock.offset", () => Offset.TotalSeconds, "s",
            "How far this node's clock is ahead of the monotonic time, or of the database's time where that is more.");
    }

    /// <summary>How far the clock is ahead of where it should be; negative if it is behind.</summary>
    public TimeSpan Offset
    {
        get
        {
            var reference = _reference;
            var jumped = _clock.GetUtcNow() - reference.At - _clock.GetElapsedTime(reference.Timestamp);
            return jumped.Duration() > reference.FromDatabase.Duration() ? jumped : reference.FromDatabase;
        }
    }

    /// <summary>Why nothing is decided by the clock; null while it is right.</summary>
    public string? Problem => Offset is var offset && offset.Duration() <= OffMax
        ? null
        : string.Create(
            CultureInfo.InvariantCulture,
            $"The node's clock is off by {offset.TotalSeconds:0} seconds; it may be by {OffMax.TotalSeconds:0}.");

    /// <summary>Compares the clock with the database's.</summary>
    /// <param name="slept">How long the machine has slept since it was started.</param>
    public void Compare(DateTimeOffset database, TimeSpan slept = default)
    {
        var (now, timestamp, reference) = (_clock.GetUtcNow(), _clock.GetTimestamp(), _reference);
        var asleep = slept - (reference.Slept ?? slept);
        var jumped = now - reference.At - _clock.GetElapsedTime(reference.Timestamp, timestamp) - asleep;
        _reference = jumped.Duration() <= OffMax
            ? new Reference(now, timestamp, now - database, slept) // Small steps are corrections.
            : reference with { FromDatabase = now - database };
    }

    /// <param name="At">The clock when it was last right.</param>
    /// <param name="Timestamp">The monotonic time then.</param>
    /// <param name="FromDatabase">How far the clock was ahead of the database's at the last comparison.</param>
    /// <param name="Slept">How long the machine had slept then; null before the first comparison.</param>
    private sealed record Reference(DateTimeOffset At, long Timestamp, TimeSpan FromDatabase, TimeSpan? Slept);
}
