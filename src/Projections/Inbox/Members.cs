using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Inbox;

/// <summary>A user's place in a conversation.</summary>
public readonly record struct MemberKey(ConversationId Conversation, UserId User)
{
    /// <summary>The conversation's id, a colon and the user's.</summary>
    public override string ToString() => $"{Conversation}:{User}";
}

/// <summary>That a user belongs to a conversation.</summary>
public sealed record MemberView
{
    /// <summary>The text of a <see cref="MemberKey"/>.</summary>
    public required string Id { get; init; }

    public required Guid ConversationId { get; init; }
    public required Guid UserId { get; init; }

    /// <summary>The first entry that they see.</summary>
    public required long JoinedSeq { get; init; }
}

/// <summary>Who belongs to which conversation?</summary>
public sealed class MembersProjection : IProjection<MemberKey, MemberView>
{
    public static IEnumerable<MemberKey> KeysOf(Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted e => e.Members.Select(user => new MemberKey(fact.Conversation, user)),
        _ => [],
    };

    public static MemberView? Evolve(MemberView? view, MemberKey key, Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted => new MemberView
        {
            Id = key.ToString(),
            ConversationId = key.Conversation.Value,
            UserId = key.User.Value,
            JoinedSeq = fact.Revision,
        },
        _ => view,
    };
}
