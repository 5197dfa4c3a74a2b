namespace ChatCqrs.Domain.Auditing;

/// <summary>What a matter opens or a hold keeps: conversations, and when what is in them was written.</summary>
/// <param name="Conversations">Conversations by their ids.</param>
/// <param name="Users">The conversations that these users belong to or ever belonged to.</param>
/// <param name="From">The first moment, inclusive, UTC; null for no bound.</param>
/// <param name="To">The last moment, inclusive, UTC; null for no bound.</param>
public sealed record AuditScope(
    IReadOnlyList<ConversationId> Conversations, IReadOnlyList<UserId> Users, DateTimeOffset? From, DateTimeOffset? To)
{
    /// <summary>Whether the scope names no conversation at all.</summary>
    public bool IsEmpty => Conversations.Count == 0 && Users.Count == 0;

    public bool Covers(DateTimeOffset at) => !(at < From) && !(at > To);
}
