using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>The time, and so much.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    public TimeSpan Shift { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;

    /// <summary>An id that is made now.</summary>
    public MessageId NewId() => new(Guid.CreateVersion7(GetUtcNow()));
}
