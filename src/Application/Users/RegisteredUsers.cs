using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Users;

/// <inheritdoc cref="IUsers"/>
internal sealed class RegisteredUsers(IEventStore store, IRegistrations registrations, AccountSecrets secrets) : IUsers
{
    public async Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken) =>
        (await store.ReadStreamAsync(StreamName.Of(user), 0, ReadDirection.Forwards, limit: 1, cancellationToken)).Count > 0;

    public async Task<UserId?> FindByPhoneAsync(string phone, CancellationToken cancellationToken) =>
        await registrations.FindPhoneAsync(await secrets.PhoneKeyAsync(phone, cancellationToken), cancellationToken);

    public async Task<IReadOnlyDictionary<string, UserId>> FindByPhonesAsync(IReadOnlyCollection<string> phones, CancellationToken cancellationToken)
    {
        var keys = new Dictionary<string, PhoneKey>(phones.Count);
        foreach (var phone in phones)
            keys[phone] = await secrets.PhoneKeyAsync(phone, cancellationToken);
        var found = await registrations.FindPhonesAsync([.. keys.Values], cancellationToken);
        return keys.Where(key => found.ContainsKey(key.Value)).ToDictionary(key => key.Key, key => found[key.Value]);
    }
}
