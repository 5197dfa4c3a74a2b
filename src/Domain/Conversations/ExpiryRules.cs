using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Conversations;

/// <summary>When messages go. The state does not hold them, so what is due comes from a view, and counts only if that view has seen the last that went.</summary>
internal static class ExpiryRules
{
    public static IReadOnlyList<ConversationEvent> Expire(Conversation state, ExpireMessages c, DateTimeOffset now)
    {
        if (state.Kind is null || state.LastExpirySeq > c.AsOf)
            return []; // What is due is found again, once the view has caught up.
        return
        [
            .. c.Messages.Where(message => message.Seq <= state.LastSeq).Distinct().OrderBy(message => message.Seq).Chunk(MessagesExpired.MessagesMax)
                .Select(messages => new MessagesExpired([.. messages], c.Reason) { At = now }),
        ];
    }
}
