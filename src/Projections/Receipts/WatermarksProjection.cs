using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Projections.Inbox;

namespace ChatCqrs.Projections.Receipts;

/// <summary>A member's watermarks. A seq of -1 means none yet.</summary>
/// <param name="DeliveredSeq">The highest seq on any of the member's devices.</param>
/// <param name="ReadSeq">The highest seq read on any device.</param>
/// <param name="Devices">The highest seq on each device.</param>
public sealed record WatermarkView(
    MemberKey Key, long DeliveredSeq, long ReadSeq, ImmutableDictionary<Guid, long> Devices)
{
    public static WatermarkView None(MemberKey key) => new(key, -1, -1, ImmutableDictionary<Guid, long>.Empty);

    internal WatermarkView Raise(DeviceId device, long delivered, long read) => this with
    {
        DeliveredSeq = Math.Max(DeliveredSeq, delivered),
        ReadSeq = Math.Max(ReadSeq, read),
        Devices = Devices.SetItem(device.Value, Math.Max(delivered, Devices.GetValueOrDefault(device.Value, -1))),
    };
}

/// <summary>
/// When a member's watermark rose to a seq. The first mark at or above a message's seq is when the message was
/// delivered or read.
/// </summary>
public sealed record ReceiptMark(MemberKey Key, bool IsRead, long UpToSeq, DateTimeOffset At);

/// <summary>Folds receipts: how far each member has received and read.</summary>
public sealed class WatermarksProjection : IProjection<MemberKey, WatermarkView>
{
    public static IEnumerable<MemberKey> KeysOf(Recorded fact) => fact.Event switch
    {
        ReceiptEvent.MessageDelivered e => [new MemberKey(fact.Conversation, e.User)],
        ReceiptEvent.MessageRead e => [new MemberKey(fact.Conversation, e.User)],
        _ => [],
    };

    public static WatermarkView? Evolve(WatermarkView? view, MemberKey key, Recorded fact) => fact.Event switch
    {
        ReceiptEvent.MessageDelivered e => (view ?? WatermarkView.None(key)).Raise(e.Device, e.UpToSeq, read: -1),
        ReceiptEvent.MessageRead e => (view ?? WatermarkView.None(key)).Raise(e.Device, e.UpToSeq, read: e.UpToSeq),
        _ => view,
    };

    /// <summary>The marks of a rise.</summary>
    public static IEnumerable<ReceiptMark> Marks(WatermarkView? before, WatermarkView after, Recorded fact)
    {
        if (after.DeliveredSeq > (before?.DeliveredSeq ?? -1))
            yield return new ReceiptMark(after.Key, IsRead: false, after.DeliveredSeq, fact.At);
        if (after.ReadSeq > (before?.ReadSeq ?? -1))
            yield return new ReceiptMark(after.Key, IsRead: true, after.ReadSeq, fact.At);
    }
}
