using System.Diagnostics;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Delivers committed entries to this node's sockets. Best effort: sockets find missed entries in the log. Never
/// blocks, never throws.
/// </summary>
public interface ILiveDelivery
{
    /// <summary>
    /// Delivers entries of one conversation, ascending by seq. Calls for one conversation come in log order.
    /// </summary>
    /// <param name="entries">The committed entries.</param>
    /// <param name="members">The members after these entries.</param>
    void Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members);

    /// <summary>Delivers the news that a member's watermarks rose.</summary>
    void Publish(LiveReceipt receipt);
}

/// <summary>
/// Tells online members that somebody is typing. Stored nowhere, and dropped first under pressure. Never blocks, never
/// throws.
/// </summary>
public interface ITypingDelivery
{
    void Publish(LiveTyping typing);
}

/// <param name="Entry">The event.</param>
/// <param name="Origin">The sending socket's session, which gets an ack instead; null for none.</param>
/// <param name="Request">The trace of the causing request if it is sampled.</param>
/// <param name="IsGone">
/// Whether its content was deleted meanwhile. If so, delivered as the timeline shows it, not as logged.
/// </param>
/// <summary>A committed entry to deliver.</summary>
public sealed record LiveEntry(Recorded Entry, Guid? Origin, Activity? Request = null, bool IsGone = false);

/// <param name="Device">The acknowledging device, which is not notified.</param>
/// <param name="DeliveredSeq">The highest seq on any of the user's devices; -1 for none.</param>
/// <param name="ReadSeq">The highest seq read; -1 for none.</param>
/// <param name="Authors">The senders of the messages acknowledged.</param>
/// <summary>A rise of a member's watermarks.</summary>
public sealed record LiveReceipt(
    ConversationId Conversation, UserId User, DeviceId Device, long DeliveredSeq, long ReadSeq, DateTimeOffset At,
    IReadOnlyCollection<UserId> Authors);

/// <param name="Members">All members. Empty between nodes if there are many.</param>
/// <summary>A member starts or stops typing.</summary>
public sealed record LiveTyping(
    ConversationId Conversation, UserId User, bool Active, IReadOnlyCollection<UserId> Members);
