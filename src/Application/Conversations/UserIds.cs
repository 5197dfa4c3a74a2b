using ChatCqrs.Domain;

namespace ChatCqrs.Application.Conversations;

/// <summary>Parses lists of user ids from clients.</summary>
internal static class UserIds
{
    /// <summary>The most ids in one list, duplicates included.</summary>
    public const int Max = 10_000;

    /// <summary>The distinct users of a list without the caller, in order.</summary>
    public static IReadOnlyList<UserId> Others(IReadOnlyList<string?>? ids, UserId caller) =>
        [.. (ids ?? []).Select(id => new UserId(Guid.Parse(id!))).Where(id => id != caller).Distinct()];
}
