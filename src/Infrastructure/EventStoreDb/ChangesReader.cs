using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Collects which streams the events after a position belong to.</summary>
internal sealed class ChangesReader(LogPosition after)
{
    private readonly Dictionary<string, (long First, long Last, HashSet<string> Types)> _streams =
        new(StringComparer.Ordinal);

    private LogPosition? _through;
    private int _count;

    /// <param name="stored">The next event. The read begins with the one at the position itself: it is skipped.</param>
    public void Add(StoredEvent stored)
    {
        if (stored.Position <= after)
            return;
        var (first, types) = _streams.TryGetValue(stored.Stream, out var known)
            ? (known.First, known.Types)
            : (stored.Revision, []);
        types.Add(stored.Type);
        _streams[stored.Stream] = (first, stored.Revision, types);
        _through = stored.Position;
        _count++;
    }

    /// <param name="limit">The number of events from which on there may be more.</param>
    public LogChanges Read(int limit) => new(
        [.. _streams.Select(s => new ChangedStream(s.Key, s.Value.First, s.Value.Last, s.Value.Types))],
        _through ?? after, IsFull: _count >= limit);
}
