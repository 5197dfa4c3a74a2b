using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Accounts from the read models, many at once.</summary>
public interface IDirectory
{
    /// <summary>Sealed profiles, in one query.</summary>
    /// <returns>The profiles that the read side knows.</returns>
    Task<IReadOnlyDictionary<UserId, SealedContent>> ProfilesAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);

    /// <summary>The erased among these users and when each was erased, in one query.</summary>
    Task<IReadOnlyDictionary<UserId, DateTimeOffset>> ErasedAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}
