using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Conversations;

/// <summary>Caches the two users of direct conversations, which never change. Bounded.</summary>
public sealed class DirectPairs(IConversationWriter conversations)
{
    private const int PairsMax = 50_000;

    private readonly RecentlyUsed<ConversationId, (UserId One, UserId Other)> _pairs = new(PairsMax);

    /// <returns>The other user; null if it is not a direct conversation of this user.</returns>
    public ValueTask<UserId?> OtherAsync(
        ConversationId conversation, UserId user, CancellationToken cancellationToken) =>
        conversation.Value.Version != DirectConversation.Version ? ValueTask.FromResult<UserId?>(null)
        : _pairs.TryGet(conversation, out var pair) ? ValueTask.FromResult(OtherOf(pair, user))
        : FindAsync(conversation, user, cancellationToken);

    private async ValueTask<UserId?> FindAsync(
        ConversationId conversation, UserId user, CancellationToken cancellationToken)
    {
        var members = (await conversations.PeekAsync(conversation, cancellationToken)).Members.Keys.ToArray();
        if (members.Length != 2)
            return null;
        var pair = (members[0], members[1]);
        _pairs.Set(conversation, pair);
        return OtherOf(pair, user);
    }

    private static UserId? OtherOf((UserId One, UserId Other) pair, UserId user) =>
        pair.One == user ? pair.Other
        : pair.Other == user ? pair.One
        : null;
}
