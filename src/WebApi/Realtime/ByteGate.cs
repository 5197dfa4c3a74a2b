namespace ChatCqrs.WebApi.Realtime;

/// <summary>Bounds the bytes in use. Those who find no room wait in the order of their coming.</summary>
/// <param name="max">The most bytes; a single user of more may have them alone.</param>
internal sealed class ByteGate(long max)
{
    private readonly Lock _lock = new();
    private Queue<(int Size, TaskCompletionSource Turn)>? _waiting;
    private long _used;

    /// <summary>Takes bytes, as soon as there is room. <see cref="Leave"/> gives them back.</summary>
    public ValueTask EnterAsync(int size)
    {
        lock (_lock)
        {
            if (_waiting is not { Count: > 0 } && HasRoom(size))
            {
                _used += size;
                return ValueTask.CompletedTask;
            }

            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (_waiting ??= []).Enqueue((size, turn));
            return new ValueTask(turn.Task);
        }
    }

    /// <param name="size">As given to <see cref="EnterAsync"/>.</param>
    public void Leave(int size)
    {
        lock (_lock)
        {
            _used -= size;
            while (_waiting is not null && _waiting.TryPeek(out var next) && HasRoom(next.Size))
            {
                _used += next.Size;
                _waiting.Dequeue().Turn.SetResult();
            }
        }
    }

    private bool HasRoom(int size) => _used == 0 || _used + size <= max;
}
