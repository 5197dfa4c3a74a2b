namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Bounds how much may be on its way at once; who asks for more waits, in the order of asking.</summary>
/// <param name="capacity">How much there is; who asks for more than that gets all of it.</param>
internal sealed class Budget(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Queue<(int Amount, TaskCompletionSource Given)> _waiting = new();
    private readonly int _capacity = capacity;
    private int _free = capacity;

    public ValueTask TakeAsync(int amount, CancellationToken cancellationToken)
    {
        amount = Math.Min(amount, _capacity);
        TaskCompletionSource given;
        lock (_lock)
        {
            if (_waiting.Count == 0 && _free >= amount)
            {
                _free -= amount;
                return ValueTask.CompletedTask;
            }

            given = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((amount, given));
        }

        return new ValueTask(WaitAsync(given, cancellationToken));
    }

    public void Return(int amount)
    {
        lock (_lock)
        {
            _free += Math.Min(amount, _capacity);
            Give();
        }
    }

    private async Task WaitAsync(TaskCompletionSource given, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.Register(() =>
        {
            if (!given.TrySetCanceled(cancellationToken))
                return;
            lock (_lock)
                Give(); // Those behind may ask for less.
        });
        await given.Task;
    }

    private void Give()
    {
        while (_waiting.TryPeek(out var next) && (next.Given.Task.IsCompleted || _free >= next.Amount))
        {
            _waiting.Dequeue();
            if (next.Given.TrySetResult())
                _free -= next.Amount;
        }
    }
}
