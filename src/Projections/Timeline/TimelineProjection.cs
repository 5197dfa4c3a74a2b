using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Projections.Timeline;

/// <summary>Folds a conversation's events into its entries.</summary>
public static class TimelineProjection
{
    /// <summary>
    /// The content in an edit's own entry. The real content belongs to the message, and is deleted with it.
    /// </summary>
    public static readonly SealedContent ElsewhereContent = new(null, ReadOnlyMemory<byte>.Empty);

    /// <summary>The entry that an event adds; null for events of other streams.</summary>
    public static TimelineEntry? Added(Recorded fact) => fact.Event switch
    {
        MessageSent e => new TimelineEntry(
            fact.Conversation, fact.Revision, TimelineEntry.MessageKind, fact.At, e.Sender,
            new TimelineMessage(
                e.MessageId, e.Sender, e.Device, e.Type, e.Content, e.Fingerprint, e.ReplyTo, e.At, e.ExpiresAt), null),
        MessageEdited e => Update(fact, e with { Content = ElsewhereContent }),
        ConversationEvent e => Update(fact, e),
        _ => null,
    };

    /// <summary>
    /// The <see cref="TargetOf"/> of what changes the conversation itself: its members, roles, title and retention.
    /// </summary>
    public const long TheConversation = -1;

    /// <summary>The <see cref="TargetOf"/> of an expiry, which names many messages.</summary>
    public const long Expiries = -2;

    /// <summary>
    /// What an entry changes: the seq of an earlier message, <see cref="TheConversation"/> or <see cref="Expiries"/>;
    /// null for a message.
    /// </summary>
    public static long? TargetOf(ConversationEvent @event) => @event switch
    {
        MessageSent => null,
        MessagesExpired => Expiries,
        _ => ChangedBy(@event) ?? TheConversation,
    };

    /// <summary>The seq of the earlier message that an event changes; null if there is none.</summary>
    public static long? ChangedBy(Recorded fact) => ChangedBy(fact.Event);

    private static long? ChangedBy(object @event) => @event switch
    {
        MessageEdited e => e.MessageSeq,
        MessageDeleted e => e.MessageSeq,
        ReactionSet e => e.MessageSeq,
        ReactionCleared e => e.MessageSeq,
        VoteSet e => e.MessageSeq,
        VoteCleared e => e.MessageSeq,
        _ => null,
    };

    /// <summary>
    /// The seq of the earlier message of whose content an update tells; null if it tells of none.
    /// </summary>
    public static long? ToldOf(ConversationEvent update) => update switch
    {
        MessageEdited e => e.MessageSeq,
        VoteSet e => e.MessageSeq,
        _ => null,
    };

    /// <summary>The update without what it tells (<see cref="ToldOf"/>).</summary>
    public static ConversationEvent Untold(ConversationEvent update) => update switch
    {
        MessageEdited e => e with { Content = ElsewhereContent },
        VoteSet e => e with { Vote = Vote.None },
        _ => update,
    };

    /// <summary>The message after an event that changes it.</summary>
    public static TimelineMessage Evolve(TimelineMessage message, Recorded fact) => fact.Event switch
    {
        _ when message.ExpiredAt is not null => message,
        MessageDeleted e => message with { Content = null, DeletedAt = e.At, Reactions = [], Votes = [] },
        _ when message.DeletedAt is not null => message,
        MessageEdited e => message with { Content = e.Content, EditedAt = e.At },
        ReactionSet e =>
            message with { Reactions = [.. Without(message, e.User), new Reaction(e.User.Value, e.Emoji)] },
        ReactionCleared e => message with { Reactions = [.. Without(message, e.User)] },
        VoteSet e => message with { Votes = [.. VotesWithout(message, e.User), new CastVote(e.User.Value, e.Vote)] },
        VoteCleared e => message with { Votes = [.. VotesWithout(message, e.User)] },
        _ => message,
    };

    private static IEnumerable<Reaction> Without(TimelineMessage message, UserId user) =>
        message.Reactions.Where(reaction => reaction.User != user.Value);

    private static IEnumerable<CastVote> VotesWithout(TimelineMessage message, UserId user) =>
        message.Votes.Where(vote => vote.User != user.Value);

    private static TimelineEntry Update(Recorded fact, ConversationEvent @event)
    {
        (string Kind, UserId? Actor) entry = @event switch
        {
            ConversationStarted e => (TimelineEntry.ConversationStartedKind, e.By),
            MemberAdded e => ("member_added", e.By),
            MemberRemoved e => ("member_removed", e.By),
            MemberLeft e => ("member_left", e.User),
            RoleChanged e => ("role_changed", e.By),
            GroupRenamed e => ("group_renamed", e.Title.By),
            RetentionChanged e => ("retention_changed", e.By),
            MessageEdited e => ("message_edited", e.Sender),
            MessageDeleted e => ("message_deleted", e.By),
            ReactionSet e => ("reaction_set", e.User),
            ReactionCleared e => ("reaction_cleared", e.User),
            VoteSet e => ("vote_set", e.User),
            VoteCleared e => ("vote_cleared", e.User),
            MessagesExpired => ("messages_expired", null),
            _ => throw new InvalidOperationException($"The timeline does not know {@event.GetType().Name}."),
        };
        return new TimelineEntry(fact.Conversation, fact.Revision, entry.Kind, fact.At, entry.Actor, null, @event);
    }
}
