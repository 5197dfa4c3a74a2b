using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Inbox;

/// <summary>That a user belongs to a conversation.</summary>
public sealed record MemberView
{
    /// <summary>The conversation's id, a colon and the user's.</summary>
    public required string Id { get; init; }

    public required Guid ConversationId { get; init; }
    public required Guid UserId { get; init; }

    /// <summary>The first entry that they see.</summary>
    public required long JoinedSeq { get; init; }

    public static string KeyOf(ConversationId conversation, UserId user) => $"{conversation}:{user}";
}

/// <summary>Who belongs to which conversation?</summary>
public sealed class MembersProjection : IProjection<MemberView>
{
    public static IEnumerable<string> KeysOf(Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted e => e.Members.Select(user => MemberView.KeyOf(fact.Conversation, user)),
        _ => [],
    };

    public static MemberView? Evolve(MemberView? view, string key, Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted => new MemberView
        {
            Id = key,
            ConversationId = fact.Conversation.Value,
            UserId = Guid.ParseExact(key.AsSpan(key.IndexOf(':', StringComparison.Ordinal) + 1), "D"),
            JoinedSeq = fact.Revision,
        },
        _ => view,
    };
}
