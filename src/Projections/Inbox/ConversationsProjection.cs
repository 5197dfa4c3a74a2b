using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Inbox;

/// <summary>The part of an inbox item that is the same for all members.</summary>
/// <param name="Kind"><c>direct</c> or <c>group</c>.</param>
/// <param name="LastMessageSeq">The seq of the last message; -1 for none.</param>
/// <param name="UpdatedAt">Time of the last entry that a user caused, UTC. Inboxes are ordered by it.</param>
/// <param name="Title">A group's title, sealed; null for a direct conversation.</param>
public sealed record ConversationView(
    ConversationId Id, string Kind, long LastSeq, long LastMessageSeq, DateTimeOffset StartedAt,
    DateTimeOffset UpdatedAt, GroupTitle? Title = null);

/// <summary>Folds conversations: kind, title, last entry and last activity.</summary>
public sealed class ConversationsProjection : IProjection<ConversationId, ConversationView>
{
    public static IEnumerable<ConversationId> KeysOf(Recorded fact) =>
        fact.Event is ConversationEvent ? [fact.Conversation] : [];

    public static ConversationView? Evolve(
        ConversationView? view, ConversationId key, Recorded fact) => fact.Event switch
        {
            ConversationEvent.ConversationStarted e =>
                new ConversationView(key, KindName(e.Kind), fact.Revision, -1, fact.At, fact.At, e.Title),
            ConversationEvent.MessageSent =>
                view! with { LastSeq = fact.Revision, LastMessageSeq = fact.Revision, UpdatedAt = fact.At },
            ConversationEvent.GroupRenamed e =>
                view! with { LastSeq = fact.Revision, UpdatedAt = fact.At, Title = e.Title },
            // No user's activity: the inbox order stays.
            ConversationEvent.MessagesExpired => view! with { LastSeq = fact.Revision },
            ConversationEvent => view! with { LastSeq = fact.Revision, UpdatedAt = fact.At },
            _ => view,
        };

    private static string KindName(ConversationKind kind) => kind switch
    {
        ConversationKind.Direct => "direct",
        ConversationKind.Group => "group",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
