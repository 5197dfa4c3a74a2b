using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Conversations;

/// <summary>Checks who may see a conversation: its members according to the log, not to a view that may lag.</summary>
public sealed class Membership(IConversationWriter conversations)
{
    /// <exception cref="RefusedException">The conversation does not exist, or the user may not know of it.</exception>
    public async Task<(Conversation Conversation, Member Member)> RequireAsync(
        UserId user, ConversationId id, CancellationToken cancellationToken)
    {
        var conversation = await conversations.PeekAsync(id, cancellationToken);
        return conversation.Members.TryGetValue(user, out var member)
            ? (conversation, member)
            : throw new RefusedException(Refusal.ConversationUnknown);
    }
}
