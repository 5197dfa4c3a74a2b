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
}
