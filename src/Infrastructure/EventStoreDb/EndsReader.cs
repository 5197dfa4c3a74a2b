using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Collects the ends of the metadata of the events between two positions, by stream.</summary>
internal sealed class EndsReader(LogPosition after, LogPosition through)
{
    private readonly Dictionary<string, (long First, List<ReadOnlyMemory<byte>> Ends)> _streams =
        new(StringComparer.Ordinal);

    private LogPosition? _last;
    private int _count;

    /// <param name="stored">The next event. The read begins with the one at the position itself: it is skipped.</param>
    public void Add(StoredEvent stored)
    {
        if (stored.Position <= after || stored.Position > through)
            return;
        if (!_streams.TryGetValue(stored.Stream, out var known))
            _streams.Add(stored.Stream, known = (stored.Revision, []));
        known.Ends.Add(EventEnd.Of(stored.Metadata));
        _last = stored.Position;
        _count++;
    }

    /// <param name="limit">The number of events from which on there may be more.</param>
    public LogEnds Read(int limit) => new(
        [.. _streams.Select(stream => new StreamEnds(stream.Key, stream.Value.First, stream.Value.Ends))],
        _last ?? after, IsFull: _count >= limit);
}
