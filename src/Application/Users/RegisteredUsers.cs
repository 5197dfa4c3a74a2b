using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <inheritdoc cref="IUsers"/>
internal sealed class RegisteredUsers(IEventStore store, IEventCodec codec) : IUsers
{
    public async Task<bool> ExistsAsync(UserId user, CancellationToken cancellationToken)
    {
        var last = await store.ReadStreamAsync(
            StreamName.Of(user), long.MaxValue, ReadDirection.Backwards, limit: 1, cancellationToken);
        return last.Count > 0 && codec.Decode(last[0]).Event is not UserEvent.UserErased;
    }
}
