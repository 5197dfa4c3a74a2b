using System.Collections.Immutable;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Conversations;

/// <summary>
/// A conversation's members and the messages it accepted last: the state that decisions need. Its size does not grow
/// with history. <see cref="GroupRules"/> holds the rules of groups, <see cref="MessageRules"/> those of sent messages.
/// </summary>
/// <param name="Kind">Null before the start.</param>
/// <param name="Members">The current members.</param>
/// <param name="LastSeq">The last entry's seq; -1 before the first.</param>
/// <param name="LastAt">Time of the last entry, UTC. Never decreases, whatever a node's clock does.</param>
/// <param name="Recent">The messages accepted last, to recognise retries.</param>
public sealed record Conversation(
    ConversationKind? Kind, ImmutableDictionary<UserId, Member> Members, long LastSeq, DateTimeOffset LastAt,
    RecentMessages Recent)
{
    public static readonly Conversation NotStarted =
        new(null, ImmutableDictionary<UserId, Member>.Empty, -1, DateTimeOffset.MinValue, RecentMessages.None);

    /// <summary>The members' ids, longest membership first.</summary>
    public ImmutableArray<UserId> MemberIds { get; init; } = [];

    /// <summary>A group's title; null for a direct conversation.</summary>
    public GroupTitle? Title { get; init; }

    /// <summary>How a group was started under an id of its client's; null for an id of the server's.</summary>
    public GroupStart? Start { get; init; }

    /// <summary>The retention policy for new messages.</summary>
    public RetentionPolicy Retention { get; init; } = RetentionPolicy.Default;

    /// <summary>The seq of the last <see cref="MessagesExpired"/>; -1 for none.</summary>
    public long LastExpirySeq { get; init; } = -1;

    /// <summary>The last edits, deletions, reactions and votes.</summary>
    public RecentOperations Operations { get; init; } = RecentOperations.None;

    public bool IsMember(UserId user) => Members.ContainsKey(user);

    /// <summary>
    /// The members who sent messages between two seqs. Exact if <see cref="Recent"/> reaches back to
    /// <paramref name="after"/>; otherwise a superset: members whose messages are all later may be included.
    /// </summary>
    /// <param name="after">Exclusive lower bound, a seq.</param>
    /// <param name="upTo">Inclusive upper bound, a seq.</param>
    /// <param name="except">The user to leave out.</param>
    public IEnumerable<UserId> AuthorsBetween(long after, long upTo, UserId except)
    {
        if (Kind == ConversationKind.Group && Recent.AuthorsBetween(after, upTo) is { } authors)
            return authors.Where(author => author != except && IsMember(author));
        return Members.Values.Where(member => member.LastSentSeq > after && member.User != except)
            .Select(member => member.User);
    }

    /// <summary>Returns the events that a command leads to; none if the state already is as asked.</summary>
    /// <exception cref="RefusedException">The command is refused.</exception>
    public static IReadOnlyList<ConversationEvent> Decide(
        Conversation state, ConversationCommand command, DateTimeOffset now)
    {
        now = now > state.LastAt ? now : state.LastAt;
        return command switch
        {
            SendMessage c => Send(state, c, now),
            StartDirect c when c.By == c.With => throw new RefusedException(Refusal.DirectWithOneself),
            StartDirect when state.Kind is not null => [],
            StartDirect { IsBlocked: true } => throw new RefusedException(Refusal.Blocked),
            StartDirect c => [Started(c.By, c.With, now)],
            EditMessage c => MessageRules.Edit(state, c, now),
            DeleteMessage c => MessageRules.Delete(state, c, now),
            SetReaction c => MessageRules.React(state, c, now),
            ClearReaction c => MessageRules.ClearReaction(state, c, now),
            SetVote c => MessageRules.Vote(state, c, now),
            ClearVote c => MessageRules.ClearVote(state, c, now),
            ExpireMessages c => ExpiryRules.Expire(state, c, now),
            _ => GroupRules.Decide(state, command, now),
        };
    }

    public static Conversation Evolve(Conversation state, ConversationEvent @event)
    {
        var next = state with { LastSeq = state.LastSeq + 1, LastAt = @event.At };
        return @event switch
        {
            MessageSent e => next with
            {
                Members = state.Members.TryGetValue(e.Sender, out var sender)
                    ? state.Members.SetItem(e.Sender, sender with { LastSentSeq = next.LastSeq })
                    : state.Members,
                Recent = state.Recent.Add(
                    new AcceptedMessage(e.MessageId, e.Sender, next.LastSeq, e.At, e.Fingerprint)),
            },
            ConversationStarted e => next with
            {
                Kind = e.Kind,
                Members = e.Members.ToImmutableDictionary(
                    user => user, user => new Member(user, next.LastSeq, Role: GroupRules.FirstRole(e, user))),
                MemberIds = e.Members,
                Title = e.Title,
                Start = e.Fingerprint is { } fingerprint ? new GroupStart(e.By, fingerprint) : null,
            },
            MessageEdited e => next.After(new MessageOperation.Edited(next.LastSeq, e.MessageSeq, e.Fingerprint)),
            MessageDeleted e => next.After(new MessageOperation.Deleted(next.LastSeq, e.MessageSeq)),
            ReactionSet e => next.After(new MessageOperation.Reacted(next.LastSeq, e.MessageSeq, e.User, e.Emoji)),
            ReactionCleared e => next.After(new MessageOperation.Reacted(next.LastSeq, e.MessageSeq, e.User, null)),
            VoteSet e => next.After(new MessageOperation.Voted(next.LastSeq, e.MessageSeq, e.User, e.Vote)),
            VoteCleared e => next.After(
                new MessageOperation.Voted(next.LastSeq, e.MessageSeq, e.User, Messages.Vote.None)),
            MessagesExpired => next with { LastExpirySeq = next.LastSeq },
            _ => GroupRules.Evolve(next, @event),
        };
    }

    /// <exception cref="RefusedException">
    /// <paramref name="by"/> is not a member. Non-members must not learn that the conversation exists.
    /// </exception>
    internal Member Require(UserId by) =>
        Members.GetValueOrDefault(by) ?? throw new RefusedException(Refusal.ConversationUnknown);

    private static IReadOnlyList<ConversationEvent> Send(Conversation state, SendMessage c, DateTimeOffset now)
    {
        var sent = new MessageSent(
            c.MessageId, c.Sender, c.Device, c.Type, c.Content, c.Fingerprint, c.ReplyTo,
            c.ExpiresAt, c.Files)
        { At = now };
        if (state.Kind is null)
        {
            if (c.StartWith is not { } other)
                throw new RefusedException(Refusal.ConversationUnknown);
            if (c.ReplyTo is not null)
                throw new RefusedException(Refusal.MessageUnknown);
            return c.IsBlocked ? throw new RefusedException(Refusal.Blocked) : [Started(c.Sender, other, now), sent];
        }

        var sender = state.Require(c.Sender);
        if (state.Recent.Find(c.Sender, c.MessageId) is { } earlier)
        {
            return c.Repeats(earlier.Fingerprint)
                ? [] // A retry is not an error.
                : throw new RefusedException(Refusal.MessageIdReused);
        }

        if (state.Recent.IsOfAnother(c.Sender, c.MessageId))
            throw new RefusedException(Refusal.MessageIdReused); // An id names one message of a conversation.
        if (c.IsGone && state.Kind == ConversationKind.Direct)
            throw new RefusedException(Refusal.UserUnknown);
        // Checked after retries: a message accepted before the block stays accepted.
        if (c.IsBlocked && state.Kind == ConversationKind.Direct)
            throw new RefusedException(Refusal.Blocked);
        if (c.ReplyTo is not null && !(c.ReplySeq >= sender.JoinedSeq))
            throw new RefusedException(Refusal.MessageUnknown);
        return [sent];
    }

    private static ConversationStarted Started(UserId by, UserId with, DateTimeOffset now) =>
        new(ConversationKind.Direct, by, [by, with]) { At = now };

    private Conversation After(MessageOperation operation) => this with { Operations = Operations.Add(operation) };
}
