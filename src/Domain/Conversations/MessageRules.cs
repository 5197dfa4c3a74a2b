using ChatCqrs.Domain.Messages;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Conversations;

/// <summary>Edits, deletions, reactions and votes: what is allowed, and to whom.</summary>
public static class MessageRules
{
    /// <summary>How long after sending a message may be edited.</summary>
    public static readonly TimeSpan EditWindow = TimeSpan.FromMinutes(15);

    internal static IReadOnlyList<ConversationEvent> Edit(Conversation state, EditMessage c, DateTimeOffset now)
    {
        var (message, since) = state.RequireVisible(c.By, c.Message);
        if (message.Sender != c.By)
            throw new RefusedException(Refusal.NotTheSender);
        RequireNotDeleted(message, since);
        var last = since.OfType<MessageOperation.Edited>().LastOrDefault();
        if (last is null ? c.Unchanged : last.Fingerprint == c.Fingerprint)
            return []; // A retry is not an error, however late.
        RequireNotBlocked(message);
        return now - message.SentAt <= EditWindow
            ? [new MessageEdited(message.Message, message.Seq, message.Sender, c.Content, c.Fingerprint) { At = now }]
            : throw new RefusedException(Refusal.EditTooLate);
    }

    internal static IReadOnlyList<ConversationEvent> Delete(Conversation state, DeleteMessage c, DateTimeOffset now)
    {
        var (message, since) = state.RequireVisible(c.By, c.Message);
        if (message.Sender != c.By && state.Members[c.By].Role != Role.Admin)
            throw new RefusedException(Refusal.NotTheSenderOrAdmin);
        return IsDeleted(message, since) ? [] : [new MessageDeleted(message.Message, message.Seq, c.By) { At = now }];
    }

    internal static IReadOnlyList<ConversationEvent> React(Conversation state, SetReaction c, DateTimeOffset now)
    {
        var (message, since) = state.RequireVisible(c.By, c.Message);
        RequireNotDeleted(message, since);
        if (ReactionOf(c.By, message, since) == c.Emoji)
            return [];
        RequireNotBlocked(message);
        return [new ReactionSet(message.Message, message.Seq, c.By, c.Emoji) { At = now }];
    }

    internal static IReadOnlyList<ConversationEvent> ClearReaction(
        Conversation state, ClearReaction c, DateTimeOffset now)
    {
        var (message, since) = state.RequireVisible(c.By, c.Message);
        return IsDeleted(message, since) || ReactionOf(c.By, message, since) is null
            ? []
            : [new ReactionCleared(message.Message, message.Seq, c.By) { At = now }];
    }

    internal static IReadOnlyList<ConversationEvent> Vote(Conversation state, SetVote c, DateTimeOffset now)
    {
        var (message, since) = state.RequireVisible(c.By, c.Message);
        RequireNotDeleted(message, since);
        if (VoteOf(c.By, message, since) == c.Vote)
            return [];
        RequireNotBlocked(message);
        return [new VoteSet(message.Message, message.Seq, c.By, c.Vote) { At = now }];
    }

    internal static IReadOnlyList<ConversationEvent> ClearVote(Conversation state, ClearVote c, DateTimeOffset now)
    {
        var (message, since) = state.RequireVisible(c.By, c.Message);
        RequireNotDeleted(message, since);
        return VoteOf(c.By, message, since).IsEmpty
            ? []
            : [new VoteCleared(message.Message, message.Seq, c.By) { At = now }];
    }

    /// <summary>Returns the message as the view had it, and the operations on it since.</summary>
    /// <exception cref="RefusedException">
    /// <paramref name="by"/> is not a member, or joined after the message.
    /// </exception>
    private static (MessageFacts Message, IReadOnlyList<MessageOperation> Since) RequireVisible(
        this Conversation state, UserId by, MessageFacts message)
    {
        var member = state.Require(by);
        return message.Seq >= member.JoinedSeq
            ? (message, [.. state.Operations.After(message)])
            : throw new RefusedException(Refusal.MessageUnknown);
    }

    private static bool IsDeleted(MessageFacts message, IReadOnlyList<MessageOperation> since) =>
        message.IsDeleted || since.Any(operation => operation is MessageOperation.Deleted);

    private static void RequireNotDeleted(MessageFacts message, IReadOnlyList<MessageOperation> since)
    {
        if (IsDeleted(message, since))
            throw new RefusedException(Refusal.MessageGone);
    }

    /// <summary>
    /// A blocked user may not edit, react or vote: nothing new reaches the blocker. Deleting stays allowed.
    /// </summary>
    private static void RequireNotBlocked(MessageFacts message)
    {
        if (message.IsBlocked)
            throw new RefusedException(Refusal.Blocked);
    }

    private static string? ReactionOf(UserId user, MessageFacts message, IReadOnlyList<MessageOperation> since)
    {
        var last = since.OfType<MessageOperation.Reacted>().LastOrDefault(reacted => reacted.User == user);
        return last is null ? message.OwnReaction : last.Emoji;
    }

    private static Vote VoteOf(UserId user, MessageFacts message, IReadOnlyList<MessageOperation> since)
    {
        var last = since.OfType<MessageOperation.Voted>().LastOrDefault(voted => voted.User == user);
        return last is null ? message.OwnVote : last.Vote;
    }
}
