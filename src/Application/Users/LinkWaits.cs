using System.Collections.Concurrent;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Wakes the requests of this node that wait for a link to be settled, on any node. They hold nothing but an entry
/// here. Whoever lets requests wait bounds their number.
/// </summary>
public sealed class LinkWaits
{
    private readonly ConcurrentDictionary<Guid, Waiting> _waiting = new();

    /// <summary>Begins to listen for a link. Must precede the look at the link, so that no news is missed.</summary>
    public Listening Listen(Guid link)
    {
        while (true)
        {
            var waiting = _waiting.GetOrAdd(link, _ => new Waiting());
            if (waiting.TryEnter())
                return new Listening(this, link, waiting);
        }
    }

    /// <summary>Wakes those who wait for a link.</summary>
    public void Tell(Guid link)
    {
        if (_waiting.TryGetValue(link, out var waiting))
            waiting.Tell();
    }

    /// <summary>Wakes everybody: news may have been missed.</summary>
    public void TellAll()
    {
        foreach (var waiting in _waiting.Values)
            waiting.Tell();
    }

    /// <summary>How many links are waited for.</summary>
    public int Count => _waiting.Count;

    /// <summary>One request that listens.</summary>
    public readonly struct Listening : IDisposable
    {
        private readonly LinkWaits _waits;
        private readonly Guid _link;
        private readonly Waiting _waiting;

        internal Listening(LinkWaits waits, Guid link, Waiting waiting) =>
            (_waits, _link, _waiting) = (waits, link, waiting);

        /// <summary>Completes with the next news after it was read.</summary>
        public Task News => _waiting.News;

        public void Dispose()
        {
            if (_waiting.Leave())
                _waits._waiting.TryRemove(new(_link, _waiting));
        }
    }

    /// <summary>Those who wait for one link.</summary>
    internal sealed class Waiting
    {
        private readonly Lock _turn = new();
        private TaskCompletionSource _news = NewNews();
        private int _count;
        private bool _isGone;

        public Task News
        {
            get
            {
                lock (_turn)
                    return _news.Task;
            }
        }

        /// <returns>False if the last one has just left, and this object with them.</returns>
        public bool TryEnter()
        {
            lock (_turn)
            {
                if (_isGone)
                    return false;
                _count++;
                return true;
            }
        }

        /// <returns>Whether it was the last one.</returns>
        public bool Leave()
        {
            lock (_turn)
                return _isGone = --_count == 0;
        }

        public void Tell()
        {
            TaskCompletionSource told;
            lock (_turn)
                (told, _news) = (_news, NewNews());
            told.SetResult();
        }

        private static TaskCompletionSource NewNews() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
