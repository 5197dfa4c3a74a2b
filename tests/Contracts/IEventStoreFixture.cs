using ChatCqrs.Application.Ports;

namespace ChatCqrs.Contracts;

/// <summary>The store for all tests of a class.</summary>
public interface IEventStoreFixture : IAsyncLifetime
{
    IEventStore Store { get; }

    /// <summary>Why the suite cannot run on this machine, which skips its tests; null when it can.</summary>
    string? Missing => null;
}
