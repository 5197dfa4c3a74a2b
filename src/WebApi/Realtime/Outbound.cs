using System.Buffers;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The queue of frames to write to one socket: in order, bounded in bytes, several gathered into one write. It holds no
/// buffer while it is empty. Everything the socket sends passes here, also the framework's own pongs and close frames.
/// </summary>
internal sealed class Outbound(Stream stream) : IThreadPoolWorkItem
{
    /// <summary>The most bytes that wait. A client that reads more slowly is cut off.</summary>
    public const int BytesMax = 2 * 1024 * 1024;

    /// <summary>With more bytes waiting, hints are dropped.</summary>
    private const int HintBytesMax = 64 * 1024;

    /// <summary>The most bytes of one write.</summary>
    private const int WriteMax = 64 * 1024;

    private readonly Lock _lock = new();
    private List<ReadOnlyMemory<byte>>? _waiting;
    private int _bytes;
    private bool _writing;
    private bool _broken;
    private TaskCompletionSource? _room;

    /// <summary>Puts a frame in the queue.</summary>
    /// <returns>False when the queue is full or the connection is gone.</returns>
    public bool TryWrite(ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (_broken || _bytes + frame.Length > BytesMax)
                return false;
            (_waiting ??= []).Add(frame);
            _bytes += frame.Length;
            if (_writing)
                return true;
            _writing = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>Puts a frame in the queue, or drops it when more than 64 KiB wait.</summary>
    public void TryHint(ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (_bytes > HintBytesMax)
                return;
        }

        TryWrite(frame);
    }

    /// <summary>Drops all queued frames, so that only the close frame still goes out.</summary>
    public void Drop()
    {
        lock (_lock)
        {
            foreach (var frame in _waiting ?? [])
                _bytes -= frame.Length;
            _waiting = null;
        }
    }

    /// <summary>
    /// Waits until at most half of <see cref="BytesMax"/> is queued, or until the connection is gone.
    /// </summary>
    /// <param name="patience">How long the peer may read nothing.</param>
    /// <returns>False when the peer read nothing for so long.</returns>
    public async Task<bool> RoomAsync(TimeSpan patience, TimeProvider clock)
    {
        try
        {
            await BelowAsync(BytesMax / 2, patience, clock);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Waits until everything is written, or until the connection is gone.</summary>
    public Task DrainedAsync() => BelowAsync(0, Timeout.InfiniteTimeSpan, TimeProvider.System);

    private async Task BelowAsync(int bytes, TimeSpan patience, TimeProvider clock)
    {
        while (true)
        {
            Task room;
            lock (_lock)
            {
                if (_broken || _bytes <= bytes)
                    return;
                room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await room.WaitAsync(patience, clock); // Every write completes the task.
        }
    }

    public void Execute() => _ = WriteAllAsync();

    private async Task WriteAllAsync()
    {
        try
        {
            while (Take() is { } frames)
                await WriteAsync(frames);
        }
        catch (Exception exception) when (exception
            is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The peer is gone. The receive loop sees the same and ends the session.
            Break();
        }
    }

    private List<ReadOnlyMemory<byte>>? Take()
    {
        lock (_lock)
        {
            var frames = _waiting;
            _waiting = null;
            _writing = frames is not null;
            return frames;
        }
    }

    private async Task WriteAsync(List<ReadOnlyMemory<byte>> frames)
    {
        for (var next = 0; next < frames.Count;)
        {
            var (end, size) = (next, 0);
            while (end < frames.Count && (end == next || size + frames[end].Length <= WriteMax))
                size += frames[end++].Length;
            if (end == next + 1)
            {
                await WriteAsync(frames[next]);
                next = end;
                continue;
            }

            var buffer = ArrayPool<byte>.Shared.Rent(size);
            try
            {
                for (var filled = 0; next < end; next++)
                {
                    frames[next].CopyTo(buffer.AsMemory(filled));
                    filled += frames[next].Length;
                }

                await stream.WriteAsync(buffer.AsMemory(0, size));
                Written(size);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    /// <summary>Writes a frame in parts, so that the wait for room sees a peer read some of a large frame.</summary>
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> frame)
    {
        while (!frame.IsEmpty)
        {
            var part = frame[..Math.Min(frame.Length, WriteMax)];
            await stream.WriteAsync(part);
            Written(part.Length);
            frame = frame[part.Length..];
        }
    }

    private void Written(int bytes)
    {
        lock (_lock)
        {
            _bytes -= bytes;
            _room?.SetResult();
            _room = null;
        }
    }

    private void Break()
    {
        lock (_lock)
        {
            _broken = true;
            _waiting = null;
            _bytes = 0;
            _room?.SetResult();
            _room = null;
        }
    }
}
