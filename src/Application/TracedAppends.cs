using System.Collections.Concurrent;
using System.Diagnostics;
using ChatCqrs.Domain;

namespace ChatCqrs.Application;

/// <summary>
/// Sampled requests whose events are not in the read models yet. The writer adds them and the projections of the same
/// node take them, so that a request's trace includes its projection. Empty without sampling. Bounded: excess requests
/// are not traced further.
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

    /// <summary>Removes and returns the requests that wrote at or before a position.</summary>
    public IEnumerable<ActivityContext> TakeThrough(LogPosition position)
    {
        while (_waiting.TryPeek(out var oldest) && oldest.Position <= position && _waiting.TryDequeue(out var taken))
            yield return taken.Request;
    }
}
