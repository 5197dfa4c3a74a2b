namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Bounds the amount in use at once. Callers that exceed it wait in order (first in, first out).</summary>
/// <param name="capacity">The whole amount; a caller that asks for more gets all of it.</param>
internal sealed class Budget(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Queue<(int Amount, TaskCompletionSource Granted)> _waiting = new();
    private readonly int _capacity = capacity;
    private int _free = capacity;

    public ValueTask TakeAsync(int amount, CancellationToken cancellationToken)
    {
        amount = Math.Min(amount, _capacity);
        TaskCompletionSource granted;
        lock (_lock)
        {
            if (_waiting.Count == 0 && _free >= amount)
            {
                _free -= amount;
                return ValueTask.CompletedTask;
            }

            granted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((amount, granted));
        }

        return new ValueTask(WaitAsync(granted, cancellationToken));
    }

    public void Return(int amount)
    {
        lock (_lock)
        {
            _free += Math.Min(amount, _capacity);
            GrantWaiting();
        }
    }

    private async Task WaitAsync(TaskCompletionSource granted, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.Register(() =>
        {
            if (!granted.TrySetCanceled(cancellationToken))
                return;
            lock (_lock)
                GrantWaiting(); // Later callers may need less.
        });
        await granted.Task;
    }

    private void GrantWaiting()
    {
        while (_waiting.TryPeek(out var next) && (next.Granted.Task.IsCompleted || _free >= next.Amount))
        {
            _waiting.Dequeue();
            if (next.Granted.TrySetResult())
                _free -= next.Amount;
        }
    }
}
