using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>Reads streams of the log, for models that need more of a stream than a run holds.</summary>
internal sealed class StreamFacts(IEventStore store, IEventCodec codec)
{
    /// <summary>Events of a stream from a revision on, in its order; those that were truncated are missing.</summary>
    public async Task<IReadOnlyList<Recorded>> ReadAsync(
        string stream, long from, int limit, CancellationToken cancellationToken)
    {
        var events = store is IReadsApart log
            ? await log.ReadApartAsync(stream, from, limit, cancellationToken)
            : await store.ReadStreamAsync(stream, from, ReadDirection.Forwards, limit, cancellationToken);
        return [.. events.Select(codec.Decode)];
    }
}
