using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Push;

/// <summary>Who has a socket on this node. Who has one on another has had their messages delivered there, and is not woken for that.</summary>
internal sealed class LocalSockets(LiveHub hub) : IUserSockets
{
    public ValueTask<bool> HasAnyAsync(UserId user, CancellationToken cancellationToken) => ValueTask.FromResult(hub.HasAny([user]));
}
