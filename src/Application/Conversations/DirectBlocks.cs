using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Conversations;

/// <summary>Tells whether a user is blocked in a conversation: in a direct one, by the other user.</summary>
public sealed class DirectBlocks(DirectPairs pairs, BlockLists blocks)
{
    /// <inheritdoc cref="BlockLists.HasBlockedAsync" path="/exception"/>
    public async ValueTask<bool> IsBlockedAsync(
        ConversationId conversation, UserId user, CancellationToken cancellationToken) =>
        await pairs.OtherAsync(conversation, user, cancellationToken) is { } other
            && await blocks.HasBlockedAsync(other, user, cancellationToken);
}
