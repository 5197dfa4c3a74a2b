using System.Collections.Immutable;
using static ChatCqrs.Domain.Receipts.ReceiptCommand;
using static ChatCqrs.Domain.Receipts.ReceiptEvent;

namespace ChatCqrs.Domain.Receipts;

/// <summary>How far one member has got and read. A seq of -1 means nothing yet.</summary>
/// <param name="Delivered">The highest seq that any of the member's devices holds.</param>
/// <param name="Read">The highest seq read on any of them.</param>
/// <param name="Devices">The highest seq that each device holds.</param>
public sealed record Watermark(long Delivered, long Read, ImmutableDictionary<DeviceId, long> Devices)
{
    public static readonly Watermark None = new(-1, -1, ImmutableDictionary<DeviceId, long>.Empty);

    public long DeliveredTo(DeviceId device) => Devices.GetValueOrDefault(device, -1);
}

/// <summary>An acknowledgement of everything up to a seq.</summary>
public abstract record ReceiptCommand(UserId User, DeviceId Device, long UpToSeq)
{
    public sealed record Deliver(UserId User, DeviceId Device, long UpToSeq) : ReceiptCommand(User, Device, UpToSeq);

    public sealed record Read(UserId User, DeviceId Device, long UpToSeq) : ReceiptCommand(User, Device, UpToSeq);
}

/// <summary>The receipts of one conversation. Watermarks only rise: what is lower than before changes nothing.</summary>
public sealed record Watermarks(ImmutableDictionary<UserId, Watermark> Members)
{
    public static readonly Watermarks None = new(ImmutableDictionary<UserId, Watermark>.Empty);

    public Watermark Of(UserId user) => Members.GetValueOrDefault(user, Watermark.None);

    /// <param name="state">The receipts so far.</param>
    /// <param name="command">What is acknowledged; that its user is a member has been checked against the conversation.</param>
    /// <param name="lastSeq">The last committed entry of the conversation.</param>
    /// <param name="now">The time of the decision.</param>
    public static IReadOnlyList<ReceiptEvent> Decide(Watermarks state, ReceiptCommand command, long lastSeq, DateTimeOffset now)
    {
        if (command.UpToSeq > lastSeq)
            throw new RefusedException(Refusal.SeqBeyondEnd);
        var mark = state.Of(command.User);
        return command switch
        {
            Deliver c when c.UpToSeq > mark.DeliveredTo(c.Device) => [new MessageDelivered(c.User, c.Device, c.UpToSeq) { At = now }],
            Read c when c.UpToSeq > mark.Read => [new MessageRead(c.User, c.Device, c.UpToSeq) { At = now }],
            Read c when c.UpToSeq > mark.DeliveredTo(c.Device) => [new MessageDelivered(c.User, c.Device, c.UpToSeq) { At = now }],
            _ => [],
        };
    }

    public static Watermarks Evolve(Watermarks state, ReceiptEvent @event) => @event switch
    {
        MessageDelivered e => state.Raise(e.User, e.Device, e.UpToSeq, read: -1),
        MessageRead e => state.Raise(e.User, e.Device, e.UpToSeq, read: e.UpToSeq),
        _ => throw new InvalidOperationException($"Unknown event {@event.GetType().Name}."),
    };

    private Watermarks Raise(UserId user, DeviceId device, long delivered, long read)
    {
        var mark = Of(user);
        var raised = new Watermark(
            Math.Max(mark.Delivered, delivered),
            Math.Max(mark.Read, read),
            mark.Devices.SetItem(device, Math.Max(mark.DeliveredTo(device), delivered)));
        return new Watermarks(Members.SetItem(user, raised));
    }
}
