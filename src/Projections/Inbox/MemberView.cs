using System.Text.Json.Serialization;
using ChatCqrs.Domain;

namespace ChatCqrs.Projections.Inbox;

/// <summary>A user's place in a conversation.</summary>
public readonly record struct MemberKey(ConversationId Conversation, UserId User)
{
    /// <summary>The conversation's id, a colon and the user's.</summary>
    public override string ToString() => $"{Conversation}:{User}";
}

/// <summary>A time during which a user belonged to a conversation.</summary>
/// <param name="JoinedSeq">The first entry of it.</param>
/// <param name="LeftSeq">The entry that ended it; null while it lasts.</param>
public sealed record Stay(long JoinedSeq, long? LeftSeq)
{
    public bool Covers(long seq) => seq >= JoinedSeq && !(seq >= LeftSeq);
}

/// <summary>That a user belongs to a conversation, or did.</summary>
public sealed record MemberView
{
    /// <summary>The text of a <see cref="MemberKey"/>.</summary>
    public required string Id { get; init; }

    public required Guid ConversationId { get; init; }
    public required Guid UserId { get; init; }

    /// <summary>The first entry that they see.</summary>
    public required long JoinedSeq { get; init; }

    /// <summary>The entry by which they went; null for a member.</summary>
    public long? LeftSeq { get; init; }

    /// <summary>The times before: who comes back sees nothing of what was before, but was a recipient then.</summary>
    public IReadOnlyList<Stay> Earlier { get; init; } = [];

    [JsonIgnore]
    public IReadOnlyList<Stay> Stays => [.. Earlier, new Stay(JoinedSeq, LeftSeq)];
}
