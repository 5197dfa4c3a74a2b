namespace ChatCqrs.Application.Writing;

/// <summary>
/// Counts the requests of a partition that are not answered yet, and bounds them in number and bytes. Safe for many
/// threads.
/// </summary>
internal sealed class Backlog(WriterOptions options)
{
    private int _count;
    private long _bytes;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Counts a request in; false when the backlog is full.</summary>
    public bool TryEnter(Pending request)
    {
        var (count, bytes) = (Interlocked.Increment(ref _count), Interlocked.Add(ref _bytes, request.Size));
        if (count <= options.QueueMax && bytes <= options.QueueBytesMax)
            return true;
        Leave(request);
        return false;
    }

    /// <summary>A request was answered.</summary>
    public void Leave(Pending request)
    {
        Interlocked.Add(ref _bytes, -request.Size);
        Interlocked.Decrement(ref _count);
    }
}
