namespace ChatCqrs.Application.Writing;

/// <summary>The commands of a partition that are not answered yet, bounded in number and bytes. Counted by whoever posts them, too.</summary>
internal sealed class Backlog(WriterOptions options)
{
    private int _count;
    private long _bytes;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Counts a command in; false where there is too much already.</summary>
    public bool TryEnter(Work work)
    {
        var (count, bytes) = (Interlocked.Increment(ref _count), Interlocked.Add(ref _bytes, work.Size));
        if (count <= options.QueueMax && bytes <= options.QueueBytesMax)
            return true;
        Leave(work);
        return false;
    }

    /// <summary>A command waits no longer.</summary>
    public void Leave(Work work)
    {
        Interlocked.Add(ref _bytes, -work.Size);
        Interlocked.Decrement(ref _count);
    }
}
