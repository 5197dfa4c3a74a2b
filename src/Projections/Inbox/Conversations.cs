using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Inbox;

/// <summary>What an inbox shows of a conversation, the same for all of its members.</summary>
public sealed record ConversationView
{
    /// <summary>The conversation's id.</summary>
    public required string Id { get; init; }

    /// <summary><c>direct</c>.</summary>
    public required string Kind { get; init; }

    public required long LastSeq { get; init; }

    /// <summary>The last entry that is a message; -1 before the first.</summary>
    public required long LastMessageSeq { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the last entry was decided; inboxes are ordered by it.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>Which conversations are there, and how far is each?</summary>
public sealed class ConversationsProjection : IProjection<ConversationView>
{
    public static IEnumerable<string> KeysOf(Recorded fact) =>
        fact.Event is ConversationEvent ? [fact.Conversation.ToString()] : [];

    public static ConversationView? Evolve(ConversationView? view, string key, Recorded fact) => fact.Event switch
    {
        ConversationEvent.ConversationStarted e => new ConversationView
        {
            Id = key,
            Kind = KindName(e.Kind),
            LastSeq = fact.Revision,
            LastMessageSeq = -1,
            StartedAt = fact.At,
            UpdatedAt = fact.At,
        },
        ConversationEvent.MessageSent => view! with { LastSeq = fact.Revision, LastMessageSeq = fact.Revision, UpdatedAt = fact.At },
        ConversationEvent => view! with { LastSeq = fact.Revision, UpdatedAt = fact.At },
        _ => view,
    };

    private static string KindName(ConversationKind kind) => kind switch
    {
        ConversationKind.Direct => "direct",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
