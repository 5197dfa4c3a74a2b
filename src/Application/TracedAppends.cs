using System.Collections.Concurrent;
using System.Diagnostics;
using ChatCqrs.Domain;

namespace ChatCqrs.Application;

/// <summary>
/// Which sampled requests wrote what is not in the read models yet: from the writer to the projections of the same node, so that a request's trace goes on
/// there. Empty while nobody samples. Bounded: what is beyond is not traced any further.
/// </summary>
public sealed class TracedAppends
{
    private const int AppendsMax = 1_000;

    private readonly ConcurrentQueue<(LogPosition Position, ActivityContext Request)> _waiting = new();

    public void Add(LogPosition position, ActivityContext request)
    {
        if (_waiting.Count < AppendsMax)
            _waiting.Enqueue((position, request));
    }

    /// <summary>Takes out the requests that wrote at or before a position.</summary>
    public IEnumerable<ActivityContext> TakeThrough(LogPosition position)
    {
        while (_waiting.TryPeek(out var oldest) && oldest.Position <= position && _waiting.TryDequeue(out var taken))
            yield return taken.Request;
    }
}
