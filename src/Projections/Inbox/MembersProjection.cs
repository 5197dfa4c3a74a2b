using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Inbox;

/// <summary>Folds memberships: who belongs or belonged to which conversation, and when.</summary>
public sealed class MembersProjection : IProjection<MemberKey, MemberView>
{
    public static IEnumerable<MemberKey> KeysOf(Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted e => e.Members.Select(user => new MemberKey(fact.Conversation, user)),
        ConversationEvent.MemberAdded e => [new MemberKey(fact.Conversation, e.User)],
        ConversationEvent.MemberRemoved e => [new MemberKey(fact.Conversation, e.User)],
        ConversationEvent.MemberLeft e => [new MemberKey(fact.Conversation, e.User)],
        _ => [],
    };

    /// <remarks>
    /// If a stream's start was truncated, a rebuild starts from a view that has seen the fact already; see
    /// docs/adr/0081.
    /// </remarks>
    public static MemberView? Evolve(MemberView? view, MemberKey key, Recorded fact) => fact.Event switch
    {
        _ when view is not null && view.HasSeen(fact.Revision) => view,
        ConversationEvent.ConversationStarted or ConversationEvent.MemberAdded => new MemberView
        {
            Id = key.ToString(),
            ConversationId = key.Conversation.Value,
            UserId = key.User.Value,
            JoinedSeq = fact.Revision,
            Earlier = view?.Stays ?? [],
        },
        ConversationEvent.MemberRemoved or ConversationEvent.MemberLeft => view! with { LeftSeq = fact.Revision },
        _ => view,
    };
}
