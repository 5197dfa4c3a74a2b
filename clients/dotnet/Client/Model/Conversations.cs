using System.Text.Json;

namespace ChatCqrs.Client;

/// <summary>A conversation in the inbox: all that is needed to draw one line of a list.</summary>
public sealed record ConversationSummary
{
    /// <summary>The conversation.</summary>
    public required Guid ConversationId { get; init; }

    /// <summary><c>direct</c> or <c>group</c>.</summary>
    public required string Type { get; init; }

    /// <summary>A group's title.</summary>
    public string? Title { get; init; }

    /// <summary>The other one of a direct conversation.</summary>
    public Profile? With { get; init; }

    /// <summary>How many belong to it.</summary>
    public int MemberCount { get; init; }

    /// <summary><c>mls</c>, or null where it is not encrypted end to end.</summary>
    public string? Encryption { get; init; }

    /// <summary>The seq of its newest entry.</summary>
    public long LastSeq { get; init; }

    /// <summary>Its newest message.</summary>
    public ChatMessage? LastMessage { get; init; }

    /// <summary>How many messages the caller has not read.</summary>
    public long UnreadCount { get; init; }

    /// <summary>Up to where the caller's devices have it.</summary>
    public long? DeliveredSeq { get; init; }

    /// <summary>Up to where the caller has read it.</summary>
    public long? ReadSeq { get; init; }

    /// <summary>Until when the caller wants no notifications.</summary>
    public DateTimeOffset? MutedUntil { get; init; }

    /// <summary>Whether the caller keeps it at the top.</summary>
    public bool Pinned { get; init; }

    /// <summary>Whether the caller has put it away.</summary>
    public bool Archived { get; init; }

    /// <summary>Its newest activity.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }
}

/// <summary>A page of the inbox, newest activity first.</summary>
/// <param name="Conversations">The conversations.</param>
/// <param name="NextCursor">Leads to the next page; null at the end.</param>
public sealed record InboxPage(IReadOnlyList<ConversationSummary> Conversations, string? NextCursor);

/// <summary>A conversation in full.</summary>
public sealed record ConversationDetails
{
    /// <summary>The conversation.</summary>
    public required Guid ConversationId { get; init; }

    /// <summary><c>direct</c> or <c>group</c>.</summary>
    public required string Type { get; init; }

    /// <summary>A group's title.</summary>
    public string? Title { get; init; }

    /// <summary>Its members.</summary>
    public IReadOnlyList<Member> Members { get; init; } = [];

    /// <summary>How long its messages are kept.</summary>
    public JsonElement? Retention { get; init; }

    /// <summary><c>mls</c>, or null where it is not encrypted end to end.</summary>
    public string? Encryption { get; init; }

    /// <summary>The epoch of encryption.</summary>
    public long? Epoch { get; init; }
}

/// <summary>Somebody in a conversation.</summary>
/// <param name="UserId">The person.</param>
/// <param name="Name">Their name; null in <see cref="ConversationDetails"/>, and of erased accounts.</param>
/// <param name="Role"><c>admin</c> or <c>member</c>.</param>
/// <param name="JoinedSeq">They see entries from this seq on.</param>
public sealed record Member(Guid UserId, string? Name, string Role, long JoinedSeq);

/// <summary>A page of messages in seq order.</summary>
/// <param name="Messages">The messages, oldest first.</param>
/// <param name="Before">Pass it as <c>before</c> to get the page before this one; null at the beginning.</param>
public sealed record HistoryPage(IReadOnlyList<ChatMessage> Messages, long? Before);

/// <summary>How far somebody has got with one's own message.</summary>
/// <param name="UserId">The recipient.</param>
/// <param name="DeliveredAt">When one of their devices had it; null before.</param>
/// <param name="ReadAt">When they read it; null before.</param>
public sealed record MessageReceipt(Guid UserId, DateTimeOffset? DeliveredAt, DateTimeOffset? ReadAt);
