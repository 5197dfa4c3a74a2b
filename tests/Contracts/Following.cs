using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts;

/// <summary>A subscription in the background that records the events of the given streams.</summary>
internal sealed class Following
{
    private readonly List<StoredEvent> _seen = [];
    private readonly CancellationTokenSource _end = new();
    private readonly Task _running;

    public Following(IEventStore store, LogPosition after, IReadOnlyCollection<string> streams) =>
        _running = Task.Run(() => RunAsync(store, after, streams.ToHashSet()));

    public IReadOnlyList<StoredEvent> Seen
    {
        get
        {
            lock (_seen)
                return [.. _seen];
        }
    }

    /// <summary>Waits for a number of events.</summary>
    public async Task SeesAsync(int count)
    {
        await Eventually.IsTrue(() => _running.IsCompleted || Count() >= count, $"{count} events come");
        if (_running.IsCompleted)
            await _running;
    }

    /// <summary>Cancels the subscription and waits for its end; another exception fails the test.</summary>
    public async Task EndAsync()
    {
        await _end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _running.WaitAsync(Eventually.Deadline));
    }

    private int Count()
    {
        lock (_seen)
            return _seen.Count;
    }

    private async Task RunAsync(IEventStore store, LogPosition after, HashSet<string> streams)
    {
        await foreach (var batch in store.SubscribeAllAsync(after, _end.Token))
        {
            Assert.NotEmpty(batch);
            lock (_seen)
                _seen.AddRange(batch.Where(e => streams.Contains(e.Stream)));
        }
    }
}
