using ChatCqrs.Domain;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// A partition's conversations in memory. Those that were not asked for the longest are forgotten; those that something is under way for never are, so more
/// than the bound may be kept while all of them are busy.
/// </summary>
/// <param name="max">How many are kept.</param>
internal sealed class EntryCache(int max)
{
    /// <summary>How many are looked at for one that comes, so that many busy ones cost it no more than a few.</summary>
    private const int LookedAtMax = 32;

    private readonly Dictionary<ConversationId, Entry> _entries = [];
    private readonly LinkedList<Entry> _used = [];

    public bool Holds(ConversationId id) => _entries.ContainsKey(id);

    /// <summary>The conversation's entry; a new one where there is none.</summary>
    public Entry Of(ConversationId id)
    {
        if (!_entries.TryGetValue(id, out var entry))
        {
            MakeRoom(); // Before it is there itself: it has nothing to do yet, and would be the one to go when all others are busy.
            entry = new Entry(id);
            entry.Used = _used.AddLast(entry);
            _entries.Add(entry.Id, entry);
        }
        else
        {
            Touch(entry);
        }

        return entry;
    }

    public void Forget(Entry entry)
    {
        _entries.Remove(entry.Id);
        _used.Remove(entry.Used!);
    }

    private void MakeRoom()
    {
        for (var looks = 0; looks < LookedAtMax && _entries.Count >= max && _used.First is { } oldest; looks++)
        {
            if (oldest.Value.Phase == Phase.Idle && oldest.Value.Waiting.Count == 0)
                Forget(oldest.Value);
            else
                Touch(oldest.Value);
        }
    }

    private void Touch(Entry entry)
    {
        if (entry.Used!.Next is null)
            return;
        _used.Remove(entry.Used);
        _used.AddLast(entry.Used);
    }
}
