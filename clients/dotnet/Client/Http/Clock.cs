namespace ChatCqrs.Client.Http;

/// <summary>
/// Time that only goes forward: deadlines do not care whether somebody sets the machine's clock.
/// </summary>
internal sealed class Clock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    public TimeProvider Time { get; } = time;

    /// <summary>The time since this clock was made.</summary>
    public TimeSpan Now => Time.GetElapsedTime(_start);
}
