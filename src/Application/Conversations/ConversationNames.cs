using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Conversations;

/// <summary>The wire names of kinds and roles.</summary>
public static class ConversationNames
{
    public static string Of(ConversationKind kind) => kind switch
    {
        ConversationKind.Direct => "direct",
        ConversationKind.Group => "group",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    public static string Of(Role role) => role switch
    {
        Role.Member => "member",
        Role.Admin => "admin",
        _ => throw new ArgumentOutOfRangeException(nameof(role)),
    };

    public static ConversationKind? ParseKind(string? name) => name switch
    {
        "direct" => ConversationKind.Direct,
        "group" => ConversationKind.Group,
        _ => null,
    };

    public static Role? ParseRole(string? name) => name switch
    {
        "member" => Role.Member,
        "admin" => Role.Admin,
        _ => null,
    };
}
