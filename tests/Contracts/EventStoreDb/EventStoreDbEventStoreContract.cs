using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.EventStoreDb;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Contracts.EventStoreDb;

/// <summary>The contract on the server in <c>EVENTSTORE_URL</c>.</summary>
public sealed class EventStoreDbEventStoreContract(EventStoreDbFixture fixture)
    : EventStoreContract<EventStoreDbFixture>(fixture);

public sealed class EventStoreDbFixture : IEventStoreFixture
{
    private const string Variable = "EVENTSTORE_URL";

    private readonly string? _server = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } url ? url : null;
    private EventStoreDbEventStore? _store;

    public string? Missing => _server is null ? $"{Variable} names no EventStoreDB." : null;

    public IEventStore Store => _store!;

    public Task InitializeAsync()
    {
        if (_server is not null)
            _store = new EventStoreDbEventStore(
                EventStoreDbSettings.Parse(_server), NullLogger<EventStoreDbEventStore>.Instance);
        return Task.CompletedTask;
    }

    public Task DisposeAsync()
    {
        _store?.Dispose();
        return Task.CompletedTask;
    }
}
