using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>The time, and so much.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    public TimeSpan Shift { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;

    /// <summary>While true, whatever waits for a time need not wait for it.</summary>
    public bool Hurries { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, Hurries && dueTime > TimeSpan.Zero ? TimeSpan.FromMilliseconds(1) : dueTime, period);

    /// <summary>An id that is made now.</summary>
    public MessageId NewId() => new(Guid.CreateVersion7(GetUtcNow()));
}
