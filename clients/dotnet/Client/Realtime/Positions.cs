using System.Globalization;

namespace ChatCqrs.Client.Realtime;

internal enum Place
{
    /// <summary>The next entry, or the first that is known of a conversation.</summary>
    Next,

    /// <summary>It was there before.</summary>
    Known,

    /// <summary>Something before it is missing.</summary>
    Ahead,
}

/// <summary>
/// How far this device has got in each conversation. Handed over: entries up to there were given to whoever listens.
/// Taken: they are done with them. Only what was taken is confirmed to the server and kept for the next start.
/// </summary>
/// <remarks>Unbounded by itself: some 100 bytes for each conversation that the person is in.</remarks>
internal sealed class Positions
{
    internal const string Prefix = "seq/";

    private readonly object _gate = new();
    private readonly Dictionary<Guid, Position> _all = [];
    private readonly HashSet<Guid> _gone = []; // To be removed from the store.
    private long _questions;

    public bool AnyBehind
    {
        get
        {
            lock (_gate)
                return _all.Values.Any(position => position is { Behind: true, Handed: not null });
        }
    }

    public Place Look(Guid conversation, long seq)
    {
        lock (_gate)
        {
            var position = Of(conversation);
            if (position.Handed is not { } handed || seq == handed + 1)
                return Place.Next;
            if (seq <= handed)
                return Place.Known;
            position.Seen = Math.Min(position.Seen ?? seq, seq);
            position.Behind |= position.Asked is null; // What is missing may be on its way: the question runs.
            return Place.Ahead;
        }
    }

    /// <summary>Whether something is known of a conversation.</summary>
    public bool Knows(Guid conversation)
    {
        lock (_gate)
            return _all.TryGetValue(conversation, out var position) && position.Handed is not null;
    }

    public void HandedOver(Guid conversation, long seq)
    {
        lock (_gate)
        {
            var position = Of(conversation);
            position.Handed = seq;
            position.Taken ??= seq - 1;
        }
    }

    /// <returns>Whether this is further than before.</returns>
    public bool WasTaken(Guid conversation, long seq)
    {
        lock (_gate)
        {
            if (!_all.TryGetValue(conversation, out var position) || position.Taken >= seq
                || !(seq <= position.Handed))
                return false; // A reset came in between, or the conversation is gone.
            (position.Taken, position.Unsaved) = (seq, true);
            return true;
        }
    }

    /// <summary>Up to where entries were taken; null where nothing is known.</summary>
    public long? TakenOf(Guid conversation)
    {
        lock (_gate)
            return _all.TryGetValue(conversation, out var position) ? position.Taken : null;
    }

    /// <summary>An entry could not be handed over after all: the server is to send it again.</summary>
    /// <param name="handed">Up to where entries were handed over before; null for the first that is known.</param>
    public void TakeBack(Guid conversation, long? handed, long seq)
    {
        lock (_gate)
        {
            var position = Of(conversation);
            if (position.Handed == seq) // Else a reset came in between.
                position.Handed = handed ?? seq - 1;
            position.Taken ??= position.Handed;
            position.Behind = true;
        }
    }

    /// <summary>Nobody listens any more: what was handed over and not taken is to come again.</summary>
    public void GoBack()
    {
        lock (_gate)
        {
            foreach (var position in _all.Values.Where(position => position.Handed > position.Taken))
                (position.Handed, position.Behind) = (position.Taken, true);
        }
    }

    /// <summary>The incarnation of the log is another one: each conversation may end before what is known.</summary>
    public IReadOnlyList<Guid> DoubtAll()
    {
        lock (_gate)
        {
            var known = _all.Where(pair => pair.Value.Handed is not null).ToList();
            known.ForEach(pair => pair.Value.Behind = true);
            return [.. known.Select(pair => pair.Key)];
        }
    }

    /// <summary>
    /// The conversation to be asked for, with the last seq that was handed over: of those that are behind the one that
    /// was not asked for the longest, so that one which is refused again and again holds up no other.
    /// </summary>
    /// <returns>Null when none is behind.</returns>
    public (Guid Conversation, long Seq)? Ask()
    {
        lock (_gate)
        {
            var (conversation, position) = _all.Where(pair => pair.Value is { Behind: true, Handed: not null })
                .OrderBy(pair => pair.Value.Turn).FirstOrDefault();
            if (position is null)
                return null;
            (position.Behind, position.Asked, position.Seen) = (false, position.Handed, null);
            position.Turn = ++_questions;
            return (conversation, position.Handed!.Value);
        }
    }

    /// <summary>
    /// The server has sent what it has after the seqs that were asked for. Where that begins later than with the next
    /// seq, the entries in between are not ours to see, or exist no more.
    /// </summary>
    public void Answered(Guid conversation)
    {
        lock (_gate)
        {
            var position = Of(conversation);
            if (!position.Behind && position.Seen is { } seen && seen > position.Handed)
            {
                if (position.Handed == position.Asked)
                    position.Handed = seen - 1;
                position.Behind = true;
            }

            (position.Asked, position.Seen) = (null, null);
        }
    }

    /// <summary>The question for this one was refused for now: it is asked again.</summary>
    public void AskAgain(Guid conversation)
    {
        lock (_gate)
        {
            if (_all.TryGetValue(conversation, out var position))
                position.Behind = true;
        }
    }

    /// <summary>The connection is gone, and the answers with it: what was asked for is asked for on the next.</summary>
    public void Disconnected()
    {
        lock (_gate)
        {
            foreach (var position in _all.Values.Where(position => position.Asked is not null))
                (position.Asked, position.Seen, position.Behind) = (null, null, true);
        }
    }

    public void Reset(Guid conversation, long lastSeq)
    {
        lock (_gate)
        {
            var position = Of(conversation);
            position.Handed = Math.Min(position.Handed ?? lastSeq, lastSeq);
            position.Taken = Math.Min(position.Taken ?? lastSeq, lastSeq);
            (position.Unsaved, position.Asked, position.Seen) = (true, null, null);
        }
    }

    /// <summary>Forgets a conversation, here and with the next <see cref="SaveAsync"/> in the store.</summary>
    public void Forget(Guid conversation)
    {
        lock (_gate)
        {
            _all.Remove(conversation);
            _gone.Add(conversation);
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _all.Clear();
            _gone.Clear();
        }
    }

    public async Task LoadAsync(IChatStorage storage, CancellationToken cancellationToken)
    {
        foreach (var key in await storage.KeysAsync(Prefix, cancellationToken).ConfigureAwait(false))
        {
            var text = await storage.ReadAsync(key, cancellationToken).ConfigureAwait(false);
            if (!Guid.TryParse(key[Prefix.Length..], out var id)
                || !long.TryParse(text, CultureInfo.InvariantCulture, out var seq))
                continue;
            lock (_gate)
            {
                if (!_all.ContainsKey(id))
                    _all[id] = new Position { Handed = seq, Taken = seq };
            }
        }
    }

    /// <summary>Writes what has changed. A crash before it costs no entry: they come once more.</summary>
    public async Task SaveAsync(IChatStorage storage, CancellationToken cancellationToken)
    {
        Queue<(Guid Id, long? Seq)> changed;
        lock (_gate)
        {
            changed = new(_all.Where(pair => pair.Value.Unsaved && pair.Value.Taken is not null)
                .Select(pair => (pair.Key, pair.Value.Taken)));
            foreach (var (id, _) in changed)
                _all[id].Unsaved = false;
            _gone.ExceptWith(changed.Select(pair => pair.Id));
            foreach (var id in _gone)
                changed.Enqueue((id, null));
            _gone.Clear();
        }

        try
        {
            while (changed.TryPeek(out var next))
            {
                await storage.WriteAsync(
                    Prefix + next.Id, next.Seq?.ToString(CultureInfo.InvariantCulture), durable: false,
                    cancellationToken).ConfigureAwait(false);
                changed.Dequeue();
            }
        }
        finally
        {
            SaveLater(changed); // Nothing, unless the store failed.
        }
    }

    private void SaveLater(IEnumerable<(Guid Id, long? Seq)> unsaved)
    {
        lock (_gate)
        {
            foreach (var (id, seq) in unsaved)
            {
                if (_all.TryGetValue(id, out var position))
                    position.Unsaved |= seq is not null;
                else
                    _gone.Add(id);
            }
        }
    }

    private Position Of(Guid conversation) =>
        _all.TryGetValue(conversation, out var position) ? position : _all[conversation] = new Position();

    private sealed class Position
    {
        public long? Handed { get; set; }

        public long? Taken { get; set; }

        public bool Behind { get; set; }

        public bool Unsaved { get; set; }

        /// <summary>The seq after which the running question asks; null without one.</summary>
        public long? Asked { get; set; }

        /// <summary>The number of the last question for it; 0 for none.</summary>
        public long Turn { get; set; }

        /// <summary>The first entry since that question that did not fit.</summary>
        public long? Seen { get; set; }
    }
}
