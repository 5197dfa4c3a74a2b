using System.Collections.Immutable;
using static ChatCqrs.Domain.Receipts.ReceiptCommand;
using static ChatCqrs.Domain.Receipts.ReceiptEvent;

namespace ChatCqrs.Domain.Receipts;

/// <summary>One member's watermarks. A seq of -1 means none yet.</summary>
/// <param name="Delivered">The highest seq on any of the member's devices.</param>
/// <param name="Read">The highest seq read on any device.</param>
/// <param name="Devices">The highest seq on each device.</param>
public sealed record Watermark(long Delivered, long Read, ImmutableDictionary<DeviceId, long> Devices)
{
    public static readonly Watermark None = new(-1, -1, ImmutableDictionary<DeviceId, long>.Empty);

    public long DeliveredTo(DeviceId device) => Devices.GetValueOrDefault(device, -1);
}

/// <summary>An acknowledgement of every entry up to a seq, from one device.</summary>
public abstract record ReceiptCommand(UserId User, DeviceId Device, long UpToSeq)
{
    public sealed record Deliver(UserId User, DeviceId Device, long UpToSeq) : ReceiptCommand(User, Device, UpToSeq);

    public sealed record Read(UserId User, DeviceId Device, long UpToSeq) : ReceiptCommand(User, Device, UpToSeq);
}

/// <summary>
/// The watermarks of all members of one conversation. They only rise: a lower acknowledgement changes nothing.
/// </summary>
public sealed record Watermarks(ImmutableDictionary<UserId, Watermark> Members)
{
    public static readonly Watermarks None = new(ImmutableDictionary<UserId, Watermark>.Empty);

    public Watermark Of(UserId user) => Members.GetValueOrDefault(user, Watermark.None);

    /// <param name="state">The watermarks so far.</param>
    /// <param name="command">The acknowledgement. The caller has checked that its user is a member.</param>
    /// <param name="lastSeq">The conversation's last committed entry, a seq.</param>
    /// <param name="now">The time of the decision, UTC.</param>
    /// <exception cref="RefusedException">The acknowledgement is beyond <paramref name="lastSeq"/>.</exception>
    public static IReadOnlyList<ReceiptEvent> Decide(
        Watermarks state, ReceiptCommand command, long lastSeq, DateTimeOffset now)
    {
        if (command.UpToSeq > lastSeq)
            throw new RefusedException(Refusal.SeqBeyondEnd);
        var mark = state.Of(command.User);
        return command switch
        {
            Deliver c when c.UpToSeq > mark.DeliveredTo(c.Device) =>
                [new MessageDelivered(c.User, c.Device, c.UpToSeq) { At = now }],
            Read c when c.UpToSeq > mark.Read => [new MessageRead(c.User, c.Device, c.UpToSeq) { At = now }],
            Read c when c.UpToSeq > mark.DeliveredTo(c.Device) =>
                [new MessageDelivered(c.User, c.Device, c.UpToSeq) { At = now }],
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
