using System.Diagnostics;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Takes what was just committed to the sockets. A hint: whoever is missed finds it in the log. Never blocks and never throws.
/// </summary>
public interface ILiveDelivery
{
    /// <summary>Entries of one conversation, in seq order. Called in the order of the log for each conversation.</summary>
    /// <param name="entries">What was committed.</param>
    /// <param name="members">Who belongs to the conversation after it.</param>
    void Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members);

    /// <summary>A member's watermarks rose.</summary>
    void Publish(LiveReceipt receipt);
}

/// <summary>Tells those who are online that somebody is typing: kept nowhere, and the first to be dropped under pressure. Never blocks and never throws.</summary>
public interface ITypingDelivery
{
    void Publish(LiveTyping typing);
}

/// <param name="Entry">A conversation's event.</param>
/// <param name="Origin">The socket session that sent it, which is answered with an ack in its place; null for none.</param>
/// <param name="Request">The request that led to it, when somebody samples that.</param>
/// <param name="IsGone">What it says was deleted meanwhile: it is shown as the timeline has it, not as the log does.</param>
public sealed record LiveEntry(Recorded Entry, Guid? Origin, Activity? Request = null, bool IsGone = false);

/// <param name="Device">The device that acknowledged; it is not told of itself.</param>
/// <param name="DeliveredSeq">The highest seq on any of the user's devices; -1 for none.</param>
/// <param name="ReadSeq">-1 for none.</param>
/// <param name="Authors">Whose messages the rise acknowledged.</param>
public sealed record LiveReceipt(
    ConversationId Conversation, UserId User, DeviceId Device, long DeliveredSeq, long ReadSeq, DateTimeOffset At,
    IReadOnlyCollection<UserId> Authors);

/// <param name="Members">The conversation's members, the one who types among them; empty on the way between nodes when they are many.</param>
public sealed record LiveTyping(ConversationId Conversation, UserId User, bool Active, IReadOnlyCollection<UserId> Members);
