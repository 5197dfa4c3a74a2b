using ChatCqrs.Infrastructure.Presence;

namespace ChatCqrs.Contracts.Presence;

public sealed class LocalPresenceContract(LocalPresenceFixture fixture)
    : PresenceContract<LocalPresenceFixture>(fixture);

public sealed class LocalPresenceFixture : IPresenceFixture
{
    public string? Missing => null;

    public Task<PresenceNode> StartNodeAsync()
    {
        var sockets = new Sockets();
        var presence = new LocalPresence(() => sockets, TimeProvider.System);
        return Task.FromResult(new PresenceNode(presence, sockets, () => Task.CompletedTask));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => Task.CompletedTask;
}
