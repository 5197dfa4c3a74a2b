using ChatCqrs.Domain;

namespace ChatCqrs.Application.Conversations;

/// <summary>Lists of users' ids as clients send them.</summary>
internal static class UserIds
{
    /// <summary>How many may stand in one list, doubles included.</summary>
    public const int Max = 10_000;

    public static bool IsOne(string? id) => Guid.TryParseExact(id, "D", out var value) && value != Guid.Empty;

    /// <summary>Everyone in the list but the caller, each once, in its order.</summary>
    public static IReadOnlyList<UserId> Others(IReadOnlyList<string?>? ids, UserId caller) =>
        [.. (ids ?? []).Select(id => new UserId(Guid.Parse(id!))).Where(id => id != caller).Distinct()];
}
