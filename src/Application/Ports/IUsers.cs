using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The existing accounts, as the log and the claims of phones state now, not as a lagging view does.</summary>
public interface IUsers
{
    Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken);

    /// <param name="phone">In E.164 form.</param>
    /// <returns>Null if nobody has this phone.</returns>
    Task<UserId?> FindByPhoneAsync(string phone, CancellationToken cancellationToken);

    /// <summary>Finds the users of many phones at once.</summary>
    /// <param name="phones">In E.164 form.</param>
    /// <returns>The phones that somebody has, with their users.</returns>
    Task<IReadOnlyDictionary<string, UserId>> FindByPhonesAsync(
        IReadOnlyCollection<string> phones, CancellationToken cancellationToken);
}
