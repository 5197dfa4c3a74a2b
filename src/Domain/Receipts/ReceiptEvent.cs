namespace ChatCqrs.Domain.Receipts;

/// <summary>A rise of a member's watermarks: every entry up to a seq is delivered or read.</summary>
public abstract record ReceiptEvent
{
    private ReceiptEvent()
    {
    }

    /// <summary>Time of the decision, UTC, to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>A device holds every entry up to a seq.</summary>
    public sealed record MessageDelivered(UserId User, DeviceId Device, long UpToSeq) : ReceiptEvent;

    /// <summary>A user has read every entry up to a seq. The device it was read on holds them too.</summary>
    public sealed record MessageRead(UserId User, DeviceId Device, long UpToSeq) : ReceiptEvent;
}
