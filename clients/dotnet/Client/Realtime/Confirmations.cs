namespace ChatCqrs.Client.Realtime;

/// <summary>
/// What is to be confirmed as delivered or read: of each conversation the highest seq alone. Both are watermarks, so
/// that one frame stands for any number of messages.
/// </summary>
/// <remarks>Unbounded by itself: two numbers for each conversation that something is to be said of.</remarks>
internal sealed class Confirmations
{
    private readonly object _gate = new();
    private readonly Dictionary<Guid, long> _delivered = [];
    private readonly Dictionary<Guid, long> _read = [];
    private readonly Dictionary<Guid, long> _readSent = [];
    private readonly Dictionary<Guid, long> _readHighest = [];

    public bool Any
    {
        get
        {
            lock (_gate)
                return _delivered.Count + _read.Count > 0;
        }
    }

    public void Delivered(Guid conversation, long seq)
    {
        lock (_gate)
            Raise(_delivered, conversation, seq);
    }

    /// <returns>False when as much was read before.</returns>
    public bool Read(Guid conversation, long seq)
    {
        lock (_gate)
        {
            if (!Raise(_readHighest, conversation, seq))
                return false;
            Raise(_read, conversation, seq);
            return true;
        }
    }

    /// <summary>The receipts to send now. Reads are kept until <see cref="Arrived"/>.</summary>
    /// <param name="most">The most of each kind.</param>
    public (List<(Guid Conversation, long Seq)> Delivered, List<(Guid Conversation, long Seq)> Read) Take(int most)
    {
        lock (_gate)
        {
            var read = Drain(_read, most);
            foreach (var (conversation, seq) in read)
                Raise(_readSent, conversation, seq);
            return (Drain(_delivered, most), read);
        }
    }

    /// <summary>The server has got everything that was sent.</summary>
    public void Arrived()
    {
        lock (_gate)
            _readSent.Clear();
    }

    /// <summary>The connection is gone: reads that may not have arrived are sent once more.</summary>
    public void Disconnected()
    {
        lock (_gate)
        {
            foreach (var (conversation, seq) in _readSent)
                Raise(_read, conversation, seq);
            _readSent.Clear();
            _delivered.Clear(); // The server sends again what it was not told of.
        }
    }

    /// <summary>The conversation ends earlier than was known.</summary>
    public void Reset(Guid conversation)
    {
        lock (_gate)
        {
            foreach (var map in (Dictionary<Guid, long>[])[_delivered, _read, _readSent, _readHighest])
                map.Remove(conversation);
        }
    }

    private static bool Raise(Dictionary<Guid, long> map, Guid conversation, long seq)
    {
        if (map.TryGetValue(conversation, out var before) && before >= seq)
            return false;
        map[conversation] = seq;
        return true;
    }

    private static List<(Guid, long)> Drain(Dictionary<Guid, long> map, int most)
    {
        var drained = map.Take(most).Select(pair => (pair.Key, pair.Value)).ToList();
        foreach (var (conversation, _) in drained)
            map.Remove(conversation);
        return drained;
    }
}
