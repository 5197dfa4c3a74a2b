using ChatCqrs.Infrastructure.Presence;

namespace ChatCqrs.Contracts.Presence;

public sealed class LocalPresenceContract(LocalPresenceFixture fixture) : PresenceContract<LocalPresenceFixture>(fixture);

public sealed class LocalPresenceFixture : IPresenceFixture
{
    public string? Missing => null;

    public Task<PresenceNode> StartNodeAsync()
    {
        var sockets = new Sockets();
        return Task.FromResult(new PresenceNode(new LocalPresence(() => sockets, TimeProvider.System), sockets, () => Task.CompletedTask));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => Task.CompletedTask;
}
