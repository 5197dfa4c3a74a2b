using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Projections.Receipts;

/// <summary>How far a member has got and read. Seqs of -1 mean nothing yet.</summary>
public sealed record WatermarkView
{
    /// <summary>The conversation's id, a colon and the user's.</summary>
    public required string Id { get; init; }

    public required Guid ConversationId { get; init; }
    public required Guid UserId { get; init; }
    public required long DeliveredSeq { get; init; }
    public required long ReadSeq { get; init; }

    /// <summary>The highest seq that each device holds.</summary>
    public required ImmutableDictionary<Guid, long> Devices { get; init; }
}

/// <summary>When a member's watermark rose to a seq; the first at or above a message's seq tells when the message was delivered or read.</summary>
public sealed record ReceiptMark(ConversationId Conversation, UserId User, bool IsRead, long UpToSeq, DateTimeOffset At);

/// <summary>Who has got and read what?</summary>
public sealed class WatermarksProjection : IProjection<WatermarkView>
{
    public static IEnumerable<string> KeysOf(Recorded fact) => fact.Event switch
    {
        ReceiptEvent.MessageDelivered e => [$"{fact.Conversation}:{e.User}"],
        ReceiptEvent.MessageRead e => [$"{fact.Conversation}:{e.User}"],
        _ => [],
    };

    public static WatermarkView? Evolve(WatermarkView? view, string key, Recorded fact) => fact.Event switch
    {
        ReceiptEvent.MessageDelivered e => Raise(view ?? First(key, fact, e.User), e.Device, e.UpToSeq, -1),
        ReceiptEvent.MessageRead e => Raise(view ?? First(key, fact, e.User), e.Device, e.UpToSeq, e.UpToSeq),
        _ => view,
    };

    /// <summary>The marks that a rise leaves behind.</summary>
    public static IEnumerable<ReceiptMark> Marks(WatermarkView? before, WatermarkView after, Recorded fact)
    {
        if (after.DeliveredSeq > (before?.DeliveredSeq ?? -1))
            yield return new ReceiptMark(new(after.ConversationId), new(after.UserId), false, after.DeliveredSeq, fact.At);
        if (after.ReadSeq > (before?.ReadSeq ?? -1))
            yield return new ReceiptMark(new(after.ConversationId), new(after.UserId), true, after.ReadSeq, fact.At);
    }

    private static WatermarkView First(string key, Recorded fact, UserId user) => new()
    {
        Id = key,
        ConversationId = fact.Conversation.Value,
        UserId = user.Value,
        DeliveredSeq = -1,
        ReadSeq = -1,
        Devices = ImmutableDictionary<Guid, long>.Empty,
    };

    private static WatermarkView Raise(WatermarkView view, DeviceId device, long delivered, long read) => view with
    {
        DeliveredSeq = Math.Max(view.DeliveredSeq, delivered),
        ReadSeq = Math.Max(view.ReadSeq, read),
        Devices = view.Devices.SetItem(device.Value, Math.Max(delivered, view.Devices.GetValueOrDefault(device.Value, -1))),
    };
}
