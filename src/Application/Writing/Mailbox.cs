using System.Threading.Channels;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// What a partition has to do next: new requests, and the continuations of reads and appends. One loop takes them, so a
/// partition's state needs no lock. <see cref="Backlog"/> bounds the requests, and with them the continuations: each
/// conversation has at most one on its way, and each message with files one more.
/// </summary>
internal sealed class Mailbox
{
    private readonly Channel<object> _items = Channel.CreateUnbounded<object>(new() { SingleReader = true });

    /// <summary>False when the mailbox is closed.</summary>
    public bool TryPost(Pending request) => _items.Writer.TryWrite(request);

    /// <inheritdoc cref="TryPost(Pending)"/>
    public bool TryPost(Action step) => _items.Writer.TryWrite(step);

    /// <summary>Posts a continuation once a task has ended, however it ended.</summary>
    public void Then<T>(Task<T> task, Action<Task<T>> next) => task.ContinueWith(
        (done, _) => TryPost(() => next(done)), null,
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    public void Close() => _items.Writer.TryComplete();

    /// <summary>Waits for something to do; false when the mailbox is closed and empty.</summary>
    public ValueTask<bool> WaitAsync() => _items.Reader.WaitToReadAsync();

    /// <summary>
    /// Takes the next item, a <see cref="Pending"/> or an <see cref="Action"/>; null when there is none.
    /// </summary>
    public object? Take() => _items.Reader.TryRead(out var item) ? item : null;
}
