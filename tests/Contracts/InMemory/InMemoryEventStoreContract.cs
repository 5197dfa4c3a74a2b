using ChatCqrs.Application.Ports;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts.InMemory;

public sealed class InMemoryEventStoreContract(InMemoryFixture fixture) : EventStoreContract<InMemoryFixture>(fixture);

public sealed class InMemoryFixture : IEventStoreFixture
{
    public IEventStore Store { get; } = new InMemoryEventStore();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => Task.CompletedTask;
}
