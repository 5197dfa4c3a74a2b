namespace ChatCqrs.Domain.Receipts;

/// <summary>What a member has got and read of a conversation: watermarks, each acknowledging every entry up to a seq.</summary>
public abstract record ReceiptEvent
{
    private ReceiptEvent()
    {
    }

    /// <summary>When it was decided, UTC, to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>A device holds every entry up to a seq.</summary>
    public sealed record MessageDelivered(UserId User, DeviceId Device, long UpToSeq) : ReceiptEvent;

    /// <summary>A user has read every entry up to a seq, on a device, which so holds them too.</summary>
    public sealed record MessageRead(UserId User, DeviceId Device, long UpToSeq) : ReceiptEvent;
}
