using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace ChatCqrs.Client.Realtime;

/// <summary>
/// Hands events to everybody who listens. At most <paramref name="most"/> wait for a listener: entries wait for room,
/// which holds up the socket, for <see cref="StallMost"/>; other events are dropped.
/// </summary>
internal sealed class EventHub(int most, TimeProvider time)
{
    /// <summary>
    /// How long entries wait for a slow listener. After that they are passed over and asked for again once there is
    /// room: whoever waits for an acknowledgement instead of reading events must still get it.
    /// </summary>
    public static readonly TimeSpan StallMost = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly List<Listener> _listeners = [];
    private readonly Dictionary<Guid, ConversationReset> _untold = []; // While nobody listens.
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _stalled;
    private bool _ended;

    /// <summary>Called when there is room again, or the first listener came.</summary>
    public Action? Roomy { get; set; }

    /// <summary>Called when the last listener has gone.</summary>
    public Action? Deserted { get; set; }

    public bool HasRoom
    {
        get
        {
            lock (_gate)
                return _listeners.Count > 0 && _listeners.All(HasRoomFor);
        }
    }

    /// <summary>Hands over an event that may be lost.</summary>
    public void Tell(ChatEvent @event)
    {
        lock (_gate)
        {
            foreach (var listener in _listeners.Where(listener => listener.Waiting < most))
                listener.Add(new Item(@event, null));
        }
    }

    /// <summary>
    /// Hands over the state, for which there is always room: a listener gets each only if it keeps up, but always the
    /// last one.
    /// </summary>
    public void Tell(StateChanged state)
    {
        lock (_gate)
        {
            foreach (var listener in _listeners)
            {
                if (listener.Waiting < most)
                    listener.Add(new Item(state, null));
                else
                    listener.Later = state;
            }
        }
    }

    /// <summary>
    /// Hands over a reset, for which there is always room, before all entries after it; to the next listener where
    /// nobody listens. Of each conversation the newest one stands for those that were not told.
    /// </summary>
    public void Tell(ConversationReset reset)
    {
        lock (_gate)
        {
            if (_listeners.Count == 0)
                _untold[reset.ConversationId] = reset;
            foreach (var listener in _listeners)
            {
                listener.Resets[reset.ConversationId] = reset;
                listener.Fill(most);
            }
        }
    }

    /// <summary>Forgets what was not told: somebody else signs in.</summary>
    public void Clear()
    {
        lock (_gate)
            _untold.Clear();
    }

    /// <summary>Hands over an entry to all listeners, or to none.</summary>
    /// <param name="taken">Called once all of them are done with it.</param>
    /// <returns>False when nobody listens, or somebody had no room for too long.</returns>
    public async ValueTask<bool> OfferAsync(ChatEvent entry, Action taken, CancellationToken cancellationToken)
    {
        var give = time.GetTimestamp();
        while (true)
        {
            Task room;
            lock (_gate)
            {
                if (_listeners.Count == 0)
                    return false;
                if (_listeners.All(HasRoomFor))
                {
                    var item = new Item(entry, new Taking(_listeners.Count, taken));
                    foreach (var listener in _listeners)
                        listener.Add(item);
                    _stalled = false;
                    return true;
                }

                if (_stalled)
                    return false;
                room = _room.Task;
            }

            var left = StallMost - time.GetElapsedTime(give);
            try
            {
                await room.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                lock (_gate)
                    _stalled = true;
            }
        }
    }

    /// <summary>
    /// The events from now on. An event counts as taken when the next one is asked for, so that one during which the
    /// process dies comes again; so does one at which the loop is left.
    /// </summary>
    public async IAsyncEnumerable<ChatEvent> ListenAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var listener = new Listener();
        Item? current = null;
        lock (_gate)
        {
            if (_ended)
                yield break;
            _listeners.Add(listener);
            foreach (var (conversation, reset) in _untold)
                listener.Resets[conversation] = reset;
            _untold.Clear();
            listener.Fill(most);
        }

        Roomy?.Invoke();
        try
        {
            await foreach (var item in listener.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                current = item;
                yield return item.Event;
                current = null;
                item.Taking?.Done();
                Took(listener);
            }
        }
        finally
        {
            Leave(listener, current);
        }
    }

    /// <summary>Ends every listener once it has read what waits.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            foreach (var listener in _listeners)
                listener.End();
        }
    }

    private void Took(Listener listener)
    {
        bool roomy;
        lock (_gate)
        {
            listener.Waiting--;
            listener.Fill(most);
            roomy = listener.Waiting == most / 2 && _listeners.All(HasRoomFor);
            _stalled &= !roomy;
            _room.TrySetResult();
            _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (roomy)
            Roomy?.Invoke();
    }

    /// <param name="current">The event at which the loop was left; null for none.</param>
    private void Leave(Listener listener, Item? current)
    {
        List<Item> untaken = current is null ? [] : [current];
        bool deserted;
        lock (_gate)
        {
            _listeners.Remove(listener);
            while (listener.Reader.TryRead(out var item))
                untaken.Add(item);
            deserted = _listeners.Count == 0;
            if (deserted && !_ended)
                Keep(untaken.Select(item => item.Event).OfType<ConversationReset>().Concat(listener.Resets.Values));
            _stalled = false;
            _room.TrySetResult();
            _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (deserted)
        {
            Deserted?.Invoke();
            return;
        }

        foreach (var item in untaken)
            item.Taking?.Done(); // The others have it.
    }

    private void Keep(IEnumerable<ConversationReset> resets)
    {
        foreach (var reset in resets)
            _untold[reset.ConversationId] = reset;
    }

    private bool HasRoomFor(Listener listener) => listener.Waiting < most && listener.Resets.Count == 0;

    private sealed record Item(ChatEvent Event, Taking? Taking);

    private sealed class Taking(int listeners, Action taken)
    {
        private int _left = listeners;

        public void Done()
        {
            if (Interlocked.Decrement(ref _left) == 0)
                taken();
        }
    }

    /// <summary>Bounded by the hub: it counts what waits, and adds nothing beyond that.</summary>
    private sealed class Listener
    {
        private readonly Channel<Item> _items =
            Channel.CreateUnbounded<Item>(new UnboundedChannelOptions { SingleReader = true });

        public int Waiting { get; set; }

        public StateChanged? Later { get; set; }

        /// <summary>The newest reset of each conversation for which there was no room.</summary>
        public Dictionary<Guid, ConversationReset> Resets { get; } = [];

        public ChannelReader<Item> Reader => _items.Reader;

        public void Add(Item item)
        {
            Waiting++;
            _items.Writer.TryWrite(item);
        }

        /// <summary>Adds what waited for room, as far as there is some; the state after it has more right.</summary>
        public void Fill(int most)
        {
            foreach (var (conversation, reset) in Resets)
            {
                if (Waiting >= most)
                    return;
                Resets.Remove(conversation);
                Add(new Item(reset, null));
            }

            if (Later is not { } state || Waiting >= most)
                return;
            Later = null;
            Add(new Item(state, null));
        }

        public void End() => _items.Writer.TryComplete();
    }
}
