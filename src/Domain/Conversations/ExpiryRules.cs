using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Conversations;

/// <summary>
/// Expiry of messages. The state does not hold the messages: a view tells which are due. Its answer counts only if the
/// view has seen the last <see cref="MessagesExpired"/>.
/// </summary>
internal static class ExpiryRules
{
    public static IReadOnlyList<ConversationEvent> Expire(Conversation state, ExpireMessages c, DateTimeOffset now)
    {
        if (state.Kind is null || state.LastExpirySeq > c.AsOf)
            return []; // The next sweep finds the due messages again, once the view has caught up.
        var due = c.Messages.Where(message => message.Seq <= state.LastSeq).Distinct().OrderBy(message => message.Seq);
        return
        [
            .. due.Chunk(MessagesExpired.MessagesMax)
                .Select(messages => new MessagesExpired([.. messages], c.Reason) { At = now }),
        ];
    }
}
