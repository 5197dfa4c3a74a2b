using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Who has an account, and was not erased; as the log and the phone claims say now, not as a view that may lag.</summary>
public interface IUsers
{
    Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken);

    /// <param name="phone">In E.164 form.</param>
    /// <returns>Null when nobody has this phone.</returns>
    Task<UserId?> FindByPhoneAsync(string phone, CancellationToken cancellationToken);

    /// <summary>Many at once.</summary>
    /// <param name="phones">In E.164 form.</param>
    /// <returns>Those whose phone somebody has.</returns>
    Task<IReadOnlyDictionary<string, UserId>> FindByPhonesAsync(IReadOnlyCollection<string> phones, CancellationToken cancellationToken);
}
