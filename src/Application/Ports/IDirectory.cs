using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Accounts as the read models hold them, many at once.</summary>
public interface IDirectory
{
    /// <summary>Sealed profiles, in one round trip.</summary>
    /// <returns>Those that the read side knows.</returns>
    Task<IReadOnlyDictionary<UserId, SealedContent>> ProfilesAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);

    /// <summary>Who of these was erased, and when; in one round trip.</summary>
    Task<IReadOnlyDictionary<UserId, DateTimeOffset>> ErasedAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}
