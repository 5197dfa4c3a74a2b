using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <inheritdoc cref="IUsers"/>
internal sealed class RegisteredUsers(
    IEventStore store, IEventCodec codec, IRegistrations registrations, AccountSecrets secrets) : IUsers
{
    public async Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken)
    {
        var last = await store.ReadStreamAsync(
            StreamName.Of(user), long.MaxValue, ReadDirection.Backwards, limit: 1, cancellationToken);
        return last.Count > 0 && codec.Decode(last[0]).Event is not UserEvent.UserErased;
    }

    public async Task<UserId?> FindByPhoneAsync(string phone, CancellationToken cancellationToken) =>
        await registrations.FindPhoneAsync(await secrets.PhoneKeyAsync(phone, cancellationToken), cancellationToken);

    public async Task<IReadOnlyDictionary<string, UserId>> FindByPhonesAsync(
        IReadOnlyCollection<string> phones, CancellationToken cancellationToken)
    {
        var keys = new Dictionary<string, PhoneKey>(phones.Count);
        foreach (var phone in phones)
            keys[phone] = await secrets.PhoneKeyAsync(phone, cancellationToken);
        var found = await registrations.FindPhonesAsync([.. keys.Values], cancellationToken);
        return keys.Where(key => found.ContainsKey(key.Value)).ToDictionary(key => key.Key, key => found[key.Value]);
    }
}
