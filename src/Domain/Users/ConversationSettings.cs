namespace ChatCqrs.Domain.Users;

/// <summary>One user's private settings of one conversation.</summary>
/// <param name="MutedUntil">Until when messages do not wake the user's devices, UTC; null if not muted.</param>
public sealed record ConversationSettings(bool Pinned, bool Archived, DateTimeOffset? MutedUntil)
{
    public static readonly ConversationSettings None = new(false, false, null);
}
