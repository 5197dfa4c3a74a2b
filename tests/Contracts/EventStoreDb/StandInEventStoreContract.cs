using ChatCqrs.Application.Ports;
using ChatCqrs.Contracts.EventStoreDb.StandIn;
using ChatCqrs.Infrastructure.EventStoreDb;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Contracts.EventStoreDb;

/// <summary>The contract on the stand-in, which needs no server.</summary>
public sealed class StandInEventStoreContract(StandInFixture fixture) : EventStoreContract<StandInFixture>(fixture);

public sealed class StandInFixture : IEventStoreFixture
{
    private StandInNode? _node;
    private EventStoreDbEventStore? _store;

    public IEventStore Store => _store!;

    public async Task InitializeAsync()
    {
        _node = await StandInNode.StartAsync();
        _store = new EventStoreDbEventStore(
            EventStoreDbSettings.Parse(_node.ConnectionString), NullLogger<EventStoreDbEventStore>.Instance);
    }

    public async Task DisposeAsync()
    {
        _store?.Dispose();
        if (_node is not null)
            await _node.DisposeAsync();
    }
}
