using System.Globalization;

namespace ChatCqrs.Client.Realtime;

/// <summary>A receipt: everything up to a seq was delivered, or read.</summary>
/// <param name="Op">The frame's: <c>delivered</c> or <c>read</c>.</param>
internal readonly record struct Confirmation(string Op, Guid Conversation, long Seq)
{
    public const string Delivered = "delivered", Read = "read";

    /// <summary>The frame's id, by which the server refuses it.</summary>
    public string Reference => string.Create(CultureInfo.InvariantCulture, $"{Op}:{Conversation}:{Seq}");

    /// <returns>Null for the reference of another frame.</returns>
    public static Confirmation? Parse(string reference) =>
        reference.Split(':') is [Delivered or Read, var id, var number] parts && Guid.TryParse(id, out var conversation)
        && long.TryParse(number, CultureInfo.InvariantCulture, out var seq)
            ? new(parts[0], conversation, seq)
            : null;
}

/// <summary>
/// What is to be confirmed as delivered or read: of each conversation the highest seq alone. Both are watermarks, so
/// that one frame stands for any number of messages. The server answers only where it refuses.
/// </summary>
/// <remarks>Unbounded by itself: two numbers for each conversation that something is to be said of.</remarks>
internal sealed class Confirmations
{
    /// <summary>
    /// How long after its arrival a receipt may still be refused. The answer to a later ping does not say that it was
    /// carried out: the server answers a ping at once.
    /// </summary>
    internal static readonly TimeSpan RefusedWithin = TimeSpan.FromSeconds(60);

    private readonly object _gate = new();
    private readonly Dictionary<Guid, long> _delivered = [];
    private readonly Dictionary<Guid, long> _read = [];
    private readonly Dictionary<Guid, long> _readHighest = [];
    private readonly Dictionary<Guid, (long Seq, TimeSpan? ArrivedAt)> _readSent = [];

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

    /// <summary>The receipts to send now. Reads are kept until no refusal of them can come any more.</summary>
    /// <param name="most">The most of each kind.</param>
    public (List<Confirmation> Delivered, List<Confirmation> Read) Take(int most)
    {
        lock (_gate)
        {
            var read = Drain(_read, Confirmation.Read, most);
            foreach (var (_, conversation, seq) in read)
                _readSent[conversation] = (seq, null);
            return (Drain(_delivered, Confirmation.Delivered, most), read);
        }
    }

    /// <summary>The server has got everything that was sent.</summary>
    public void Arrived(TimeSpan now)
    {
        lock (_gate)
        {
            foreach (var (conversation, sent) in _readSent.Where(pair => pair.Value.ArrivedAt is null).ToList())
                _readSent[conversation] = (sent.Seq, now);
        }
    }

    /// <summary>A frame came: what arrived long enough before it was not refused.</summary>
    public void Heard(TimeSpan now)
    {
        lock (_gate)
        {
            foreach (var (conversation, sent) in _readSent)
            {
                if (sent.ArrivedAt + RefusedWithin <= now)
                    _readSent.Remove(conversation);
            }
        }
    }

    /// <summary>The server refused a receipt.</summary>
    /// <param name="again">Whether that is for now.</param>
    public void Refused(Confirmation receipt, bool again)
    {
        var (op, conversation, seq) = receipt;
        lock (_gate)
        {
            if (op == Confirmation.Read && _readSent.TryGetValue(conversation, out var sent))
            {
                if (sent.Seq > seq)
                    return; // A later one is on its way, and stands for this one.
                _readSent.Remove(conversation);
            }

            if (again)
                Raise(op == Confirmation.Read ? _read : _delivered, conversation, seq);
            else if (op == Confirmation.Read && _readHighest.TryGetValue(conversation, out var highest)
                && highest == seq)
                _readHighest.Remove(conversation); // A seq beyond the end must not hide the next one.
        }
    }

    /// <summary>The connection is gone: reads that it may not have carried to their end are sent once more.</summary>
    public void Disconnected()
    {
        lock (_gate)
        {
            foreach (var (conversation, sent) in _readSent)
                Raise(_read, conversation, sent.Seq);
            _readSent.Clear();
            _delivered.Clear(); // The server sends again what it was not told of.
        }
    }

    /// <summary>The conversation ends earlier than was known.</summary>
    public void Reset(Guid conversation)
    {
        lock (_gate)
        {
            foreach (var map in (Dictionary<Guid, long>[])[_delivered, _read, _readHighest])
                map.Remove(conversation);
            _readSent.Remove(conversation);
        }
    }

    /// <summary>Somebody else signs in: nothing of this is theirs.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            foreach (var map in (Dictionary<Guid, long>[])[_delivered, _read, _readHighest])
                map.Clear();
            _readSent.Clear();
        }
    }

    private static bool Raise(Dictionary<Guid, long> map, Guid conversation, long seq)
    {
        if (map.TryGetValue(conversation, out var before) && before >= seq)
            return false;
        map[conversation] = seq;
        return true;
    }

    private static List<Confirmation> Drain(Dictionary<Guid, long> map, string op, int most)
    {
        var drained = map.Take(most).Select(pair => new Confirmation(op, pair.Key, pair.Value)).ToList();
        foreach (var (_, conversation, _) in drained)
            map.Remove(conversation);
        return drained;
    }
}
