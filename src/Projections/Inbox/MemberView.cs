using System.Text.Json.Serialization;
using ChatCqrs.Domain;

namespace ChatCqrs.Projections.Inbox;

/// <summary>The key of a user in a conversation.</summary>
public readonly record struct MemberKey(ConversationId Conversation, UserId User)
{
    /// <summary>The conversation's id, a colon and the user's id.</summary>
    public override string ToString() => $"{Conversation}:{User}";
}

/// <summary>A period of membership.</summary>
/// <param name="JoinedSeq">Its first entry, a seq.</param>
/// <param name="LeftSeq">The entry that ended it, a seq; null while it lasts.</param>
public sealed record Stay(long JoinedSeq, long? LeftSeq)
{
    public bool Covers(long seq) => seq >= JoinedSeq && !(seq >= LeftSeq);
}

/// <summary>A user's current or former membership in a conversation.</summary>
public sealed record MemberView
{
    /// <summary>The text of a <see cref="MemberKey"/>.</summary>
    public required string Id { get; init; }

    public required Guid ConversationId { get; init; }
    public required Guid UserId { get; init; }

    /// <summary>The first entry that they may see, a seq.</summary>
    public required long JoinedSeq { get; init; }

    /// <summary>The entry with which they left, a seq; null for current members.</summary>
    public long? LeftSeq { get; init; }

    /// <summary>Earlier periods. A member who rejoined may not see their entries, but was a recipient then.</summary>
    public IReadOnlyList<Stay> Earlier { get; init; } = [];

    [JsonIgnore]
    public IReadOnlyList<Stay> Stays => [.. Earlier, new Stay(JoinedSeq, LeftSeq)];

    internal bool HasSeen(long seq) => Stays.Any(stay => stay.JoinedSeq >= seq || stay.LeftSeq >= seq);
}
