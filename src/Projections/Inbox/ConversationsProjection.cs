using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Inbox;

/// <summary>What an inbox shows of a conversation, the same for all of its members.</summary>
/// <param name="Kind"><c>direct</c> or <c>group</c>.</param>
/// <param name="LastMessageSeq">The last entry that is a message; -1 before the first.</param>
/// <param name="UpdatedAt">When somebody last did something in it; inboxes are ordered by it.</param>
/// <param name="Title">What a group is called, sealed; null for a direct conversation.</param>
public sealed record ConversationView(
    ConversationId Id, string Kind, long LastSeq, long LastMessageSeq, DateTimeOffset StartedAt, DateTimeOffset UpdatedAt, GroupTitle? Title = null);

/// <summary>Which conversations are there, and how far is each?</summary>
public sealed class ConversationsProjection : IProjection<ConversationId, ConversationView>
{
    public static IEnumerable<ConversationId> KeysOf(Recorded fact) => fact.Event is ConversationEvent ? [fact.Conversation] : [];

    public static ConversationView? Evolve(ConversationView? view, ConversationId key, Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted e => new ConversationView(key, KindName(e.Kind), fact.Revision, -1, fact.At, fact.At, e.Title),
        ConversationEvent.MessageSent => view! with { LastSeq = fact.Revision, LastMessageSeq = fact.Revision, UpdatedAt = fact.At },
        ConversationEvent.GroupRenamed e => view! with { LastSeq = fact.Revision, UpdatedAt = fact.At, Title = e.Title },
        ConversationEvent.MessagesExpired => view! with { LastSeq = fact.Revision }, // Nobody has done anything: it keeps its place in the inbox.
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
