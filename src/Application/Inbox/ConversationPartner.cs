using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Inbox;

/// <summary>The other member of a direct conversation.</summary>
/// <param name="Name">Null if they have none, or have erased their account.</param>
/// <param name="Avatar">A <c>file_id</c>; null as the name is.</param>
public sealed record ConversationPartner(Guid UserId, string? Name, string? Avatar)
{
    /// <returns>Null for a group.</returns>
    internal static ConversationPartner? Of(UserId? user, IReadOnlyDictionary<UserId, Profile?> profiles) =>
        user is { } other
            ? new ConversationPartner(other.Value, profiles[other]?.Name, profiles[other]?.Avatar)
            : null;
}
