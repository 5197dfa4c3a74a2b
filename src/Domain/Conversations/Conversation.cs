using System.Collections.Immutable;
using ChatCqrs.Domain.Messages;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Conversations;

/// <summary>A user's part in a conversation.</summary>
/// <param name="JoinedSeq">The seq of the entry by which they joined; they see entries from there on.</param>
/// <param name="LastSentSeq">The seq of the last message they sent; -1 for none.</param>
public sealed record Member(UserId User, long JoinedSeq, long LastSentSeq = -1);

/// <summary>
/// Who belongs to a conversation and what was last said in it: just what decisions need. The size of this state does not grow with history.
/// </summary>
/// <param name="Kind">Null until the conversation is started.</param>
/// <param name="Members">Everyone who belongs to it now.</param>
/// <param name="LastSeq">The seq of the last entry; -1 before the first.</param>
/// <param name="LastAt">When the last entry was decided. Time never runs backwards in a conversation, whatever a node's clock does.</param>
/// <param name="Recent">The messages last accepted.</param>
public sealed record Conversation(
    ConversationKind? Kind, ImmutableDictionary<UserId, Member> Members, long LastSeq, DateTimeOffset LastAt, RecentMessages Recent)
{
    public static readonly Conversation NotStarted =
        new(null, ImmutableDictionary<UserId, Member>.Empty, -1, DateTimeOffset.MinValue, RecentMessages.None);

    public bool IsMember(UserId user) => Members.ContainsKey(user);

    /// <summary>
    /// Who else may have written messages after a seq: nobody is missing, but somebody whose messages are all later than the caller asks for
    /// may be among them.
    /// </summary>
    public IEnumerable<UserId> AuthorsAfter(long seq, UserId except) =>
        Members.Values.Where(member => member.LastSentSeq > seq && member.User != except).Select(member => member.User);

    /// <summary>Decides what a command leads to. What is true already leads to no event.</summary>
    /// <exception cref="RefusedException">The command is refused; nothing has happened.</exception>
    public static IReadOnlyList<ConversationEvent> Decide(Conversation state, ConversationCommand command, DateTimeOffset now)
    {
        now = now > state.LastAt ? now : state.LastAt;
        return command switch
        {
            StartDirect c when c.By == c.With => throw new RefusedException(Refusal.DirectWithOneself),
            StartDirect when state.Kind is not null => [],
            StartDirect { IsBlocked: true } => throw new RefusedException(Refusal.Blocked),
            StartDirect c => [Started(c.By, c.With, now)],
            SendMessage c => Send(state, c, now),
            _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
        };
    }

    public static Conversation Evolve(Conversation state, ConversationEvent @event)
    {
        var next = state with { LastSeq = state.LastSeq + 1, LastAt = @event.At };
        return @event switch
        {
            ConversationStarted e => next with
            {
                Kind = e.Kind,
                Members = e.Members.ToImmutableDictionary(user => user, user => new Member(user, next.LastSeq)),
            },
            MessageSent e => next with
            {
                Members = state.Members.TryGetValue(e.Sender, out var sender)
                    ? state.Members.SetItem(e.Sender, sender with { LastSentSeq = next.LastSeq })
                    : state.Members,
                Recent = state.Recent.Add(new AcceptedMessage(e.MessageId, e.Sender, next.LastSeq, e.At, e.Fingerprint)),
            },
            _ => throw new InvalidOperationException($"Unknown event {@event.GetType().Name}."),
        };
    }

    private static IReadOnlyList<ConversationEvent> Send(Conversation state, SendMessage c, DateTimeOffset now)
    {
        var sent = new MessageSent(c.MessageId, c.Sender, c.Device, c.Type, c.Content, c.Fingerprint, c.ReplyTo, c.ExpiresAt, c.Files) { At = now };
        if (state.Kind is null)
        {
            if (c.StartWith is not { } other)
                throw new RefusedException(Refusal.ConversationUnknown);
            return c.IsBlocked ? throw new RefusedException(Refusal.Blocked) : [Started(c.Sender, other, now), sent];
        }

        if (!state.IsMember(c.Sender))
            throw new RefusedException(Refusal.ConversationUnknown);
        if (state.Recent.Find(c.Sender, c.MessageId) is { } earlier)
        {
            return earlier.Fingerprint == c.Fingerprint
                ? [] // A retry is not an error.
                : throw new RefusedException(Refusal.MessageIdReused);
        }

        if (c.IsBlocked && state.Kind == ConversationKind.Direct)
            throw new RefusedException(Refusal.Blocked); // After the retry: what was accepted before the block is answered as ever.
        return [sent];
    }

    private static ConversationStarted Started(UserId by, UserId with, DateTimeOffset now) =>
        new(ConversationKind.Direct, by, [by, with]) { At = now };
}
