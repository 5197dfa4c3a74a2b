using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>A log that bounds the projections' reads of streams apart from the writers' reads.</summary>
internal interface IReadsApart
{
    /// <summary>As <see cref="IEventStore.ReadStreamAsync"/>, forwards.</summary>
    Task<IReadOnlyList<StoredEvent>> ReadApartAsync(
        string stream, long from, int limit, CancellationToken cancellationToken);
}
