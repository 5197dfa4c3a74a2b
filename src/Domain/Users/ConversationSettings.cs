namespace ChatCqrs.Domain.Users;

/// <summary>How one user keeps one conversation; nobody else sees it.</summary>
/// <param name="MutedUntil">Until when its messages do not wake the user's devices; null for no silence.</param>
public sealed record ConversationSettings(bool Pinned, bool Archived, DateTimeOffset? MutedUntil)
{
    public static readonly ConversationSettings None = new(false, false, null);
}
