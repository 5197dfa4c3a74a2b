namespace ChatCqrs.Acceptance.Client;

/// <summary>
/// Checks the entries that one connection got of each conversation: in seq order, each once, with no gap but the
/// connection's own acknowledged messages.
/// </summary>
public sealed class EntryOrder
{
    private readonly Dictionary<Guid, List<long>> _entries = [];
    private readonly HashSet<(Guid Conversation, long Seq)> _acknowledged = [];

    /// <summary>Takes the next frame; returns a description of its violation, or null.</summary>
    public string? Check(Frame frame)
    {
        if (frame.Op is not ("message" or "update" or "ack")) return null;
        var (conversation, seq) = (frame.Body.Id("conversation_id"), frame.Body.Number("seq"));
        if (frame.Op == "ack")
        {
            _acknowledged.Add((conversation, seq));
            return null;
        }
        if (!_entries.TryGetValue(conversation, out var seqs)) _entries[conversation] = seqs = [];
        var last = seqs.Count > 0 ? seqs[^1] : long.MinValue;
        seqs.Add(seq);
        return seq > last ? null : $"Entry {seq} of {conversation} came after {last}: {frame.Raw}";
    }

    /// <summary>Describes the first gap that own messages do not explain; null when there is none.</summary>
    public string? Gap(IReadOnlyCollection<long> ownByRest)
    {
        foreach (var (conversation, seqs) in _entries)
        {
            for (var i = 1; i < seqs.Count; i++)
            {
                for (var missing = seqs[i - 1] + 1; missing < seqs[i]; missing++)
                {
                    if (!_acknowledged.Contains((conversation, missing)) && !ownByRest.Contains(missing))
                        return $"Entry {missing} of {conversation} never came, but {seqs[i]} did.";
                }
            }
        }
        return null;
    }

    public void Forget(Guid conversation) => _entries.Remove(conversation);
}
