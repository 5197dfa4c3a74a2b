using System.Collections.Concurrent;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The entries that recently passed this node: it handed them to live delivery, or another node announced them.
/// <see cref="LogFollower"/> does without what is here. Two generations, of which each look at the log drops the old
/// one.
/// </summary>
internal sealed class HeardEntries
{
    /// <summary>The most conversations of a generation. The follower asks the sockets about others.</summary>
    private const int Max = 100_000;

    private volatile ConcurrentDictionary<ConversationId, (long First, long Last)> _young = new();
    private volatile ConcurrentDictionary<ConversationId, (long First, long Last)> _old = new();
    private int _count;

    /// <summary>Notes a run of entries. Of several runs with a gap between them only the newest is kept.</summary>
    public void Note(ConversationId conversation, long first, long last)
    {
        var young = _young;
        if (!young.TryGetValue(conversation, out var known))
        {
            if (Interlocked.Increment(ref _count) > Max)
                return;
            known = _old.GetValueOrDefault(conversation, (first, last));
        }

        var joins = first <= known.Last + 1 && last >= known.First - 1;
        young[conversation] = joins ? (Math.Min(known.First, first), Math.Max(known.Last, last)) : (first, last);
    }

    /// <summary>Whether all of these entries passed.</summary>
    public bool Holds(ConversationId conversation, long first, long last) =>
        (_young.TryGetValue(conversation, out var run) || _old.TryGetValue(conversation, out run))
        && run.First <= first && last <= run.Last;

    /// <summary>A look at the log has ended.</summary>
    public void Turn()
    {
        _old = _young;
        _young = new();
        Volatile.Write(ref _count, 0);
    }
}
