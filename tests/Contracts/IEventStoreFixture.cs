using ChatCqrs.Application.Ports;

namespace ChatCqrs.Contracts;

/// <summary>Gives the suite a store for all tests of one class.</summary>
public interface IEventStoreFixture : IAsyncLifetime
{
    IEventStore Store { get; }

    /// <summary>Why the suite cannot run here, which reports its tests as not run; null when it can.</summary>
    string? Missing => null;
}
