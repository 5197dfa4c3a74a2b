using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Projections.Inbox;

namespace ChatCqrs.Projections.Receipts;

/// <summary>How far a member has got and read. Seqs of -1 mean nothing yet.</summary>
/// <param name="DeliveredSeq">The highest seq that any of the member's devices holds.</param>
/// <param name="Devices">The highest seq that each device holds.</param>
public sealed record WatermarkView(MemberKey Key, long DeliveredSeq, long ReadSeq, ImmutableDictionary<Guid, long> Devices)
{
    public static WatermarkView None(MemberKey key) => new(key, -1, -1, ImmutableDictionary<Guid, long>.Empty);

    internal WatermarkView Raise(DeviceId device, long delivered, long read) => this with
    {
        DeliveredSeq = Math.Max(DeliveredSeq, delivered),
        ReadSeq = Math.Max(ReadSeq, read),
        Devices = Devices.SetItem(device.Value, Math.Max(delivered, Devices.GetValueOrDefault(device.Value, -1))),
    };
}

/// <summary>When a member's watermark rose to a seq; the first at or above a message's seq tells when the message was delivered or read.</summary>
public sealed record ReceiptMark(MemberKey Key, bool IsRead, long UpToSeq, DateTimeOffset At);

/// <summary>Who has got and read what?</summary>
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

    /// <summary>The marks that a rise leaves behind.</summary>
    public static IEnumerable<ReceiptMark> Marks(WatermarkView? before, WatermarkView after, Recorded fact)
    {
        if (after.DeliveredSeq > (before?.DeliveredSeq ?? -1))
            yield return new ReceiptMark(after.Key, IsRead: false, after.DeliveredSeq, fact.At);
        if (after.ReadSeq > (before?.ReadSeq ?? -1))
            yield return new ReceiptMark(after.Key, IsRead: true, after.ReadSeq, fact.At);
    }
}
