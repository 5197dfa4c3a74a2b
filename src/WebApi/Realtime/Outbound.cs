using System.Buffers;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The queue of frames to write to one socket: in order, bounded in bytes, several gathered into one write. It holds no
/// buffer while it is empty. Everything the socket sends passes here, also the framework's own pongs and close frames.
/// </summary>
/// <param name="clock">Measures how long a write makes no progress.</param>
internal sealed class Outbound(Stream stream, TimeProvider clock) : IThreadPoolWorkItem
{
    /// <summary>
    /// The most bytes that wait, each frame with <see cref="FrameCost"/>. A client that reads more slowly is cut off.
    /// </summary>
    public const int BytesMax = 2 * 1024 * 1024;

    /// <summary>What a waiting frame counts beside its bytes: its place in the queue and its object.</summary>
    public const int FrameCost = 64;

    /// <summary>With more bytes waiting, hints are dropped.</summary>
    private const int HintBytesMax = 64 * 1024;

    /// <summary>The most bytes of one write.</summary>
    private const int WriteMax = 64 * 1024;

    private readonly Lock _lock = new();
    private List<ReadOnlyMemory<byte>>? _waiting;
    private byte[]? _pong;
    private int _bytes;
    private bool _writing;
    private bool _broken;
    private bool _isEnded;
    private long _progressAt;
    private TaskCompletionSource? _room;

    /// <summary>What waits, in bytes: each frame with <see cref="FrameCost"/>.</summary>
    public int Bytes
    {
        get
        {
            lock (_lock)
                return _bytes;
        }
    }

    /// <summary>How long the peer has taken nothing of what waits; zero when nothing waits.</summary>
    public TimeSpan StalledFor
    {
        get
        {
            lock (_lock)
                return _writing && !_broken ? clock.GetElapsedTime(_progressAt) : TimeSpan.Zero;
        }
    }

    /// <summary>Puts a frame in the queue; drops it after the close frame.</summary>
    /// <returns>False when the queue is full or the connection is gone.</returns>
    public bool TryWrite(ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (_isEnded)
                return true;
            if (_broken || _bytes + frame.Length + FrameCost > BytesMax)
                return false;
            (_waiting ??= []).Add(frame);
            if (!Begin(frame.Length + FrameCost))
                return true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>
    /// Puts a pong before the waiting frames, in the place of one that still waits: only the newest ping needs an
    /// answer (RFC 6455, section 5.5.3).
    /// </summary>
    public void Pong(ReadOnlySpan<byte> frame)
    {
        lock (_lock)
        {
            if (_broken || _isEnded)
                return;
            var before = _pong is null ? 0 : _pong.Length + FrameCost;
            _pong = frame.ToArray();
            if (!Begin(_pong.Length + FrameCost - before))
                return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Puts the close frame in the queue, full or not. It is the last one.</summary>
    /// <returns>False when the connection is gone.</returns>
    public bool TryEnd(ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (_broken)
                return false;
            if (_isEnded)
                return true;
            _isEnded = true;
            (_waiting ??= []).Add(frame);
            if (!Begin(frame.Length + FrameCost))
                return true;
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

    /// <summary>
    /// Drops all queued frames, so that only the close frame still goes out; none once that one is queued.
    /// </summary>
    public void Drop()
    {
        lock (_lock)
        {
            if (_isEnded)
                return;
            foreach (var frame in _waiting ?? [])
                _bytes -= frame.Length + FrameCost;
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

    /// <summary>Counts what was queued.</summary>
    /// <returns>Whether the writing must be started.</returns>
    private bool Begin(int bytes)
    {
        _bytes += bytes;
        if (_writing)
            return false;
        _progressAt = clock.GetTimestamp();
        return _writing = true;
    }

    private List<ReadOnlyMemory<byte>>? Take()
    {
        lock (_lock)
        {
            var frames = _waiting;
            if (_pong is not null)
                (frames ??= []).Insert(0, _pong);
            (_waiting, _pong) = (null, null);
            _writing = frames is not null;
            return frames;
        }
    }

    /// <summary>Writes frames, and lets go of each one as it is written.</summary>
    private async Task WriteAsync(List<ReadOnlyMemory<byte>> frames)
    {
        for (var next = 0; next < frames.Count;)
        {
            var (end, size) = (next, 0);
            while (end < frames.Count && (end == next || size + frames[end].Length <= WriteMax))
                size += frames[end++].Length;
            if (end == next + 1)
            {
                var frame = frames[next];
                frames[next++] = default;
                await WriteAsync(frame);
                continue;
            }

            var buffer = ArrayPool<byte>.Shared.Rent(size);
            try
            {
                var cost = (end - next) * FrameCost;
                for (var filled = 0; next < end; next++)
                {
                    frames[next].CopyTo(buffer.AsMemory(filled));
                    filled += frames[next].Length;
                    frames[next] = default;
                }

                await stream.WriteAsync(buffer.AsMemory(0, size));
                Written(size + cost);
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
        var cost = FrameCost;
        do
        {
            var part = frame[..Math.Min(frame.Length, WriteMax)];
            await stream.WriteAsync(part);
            Written(part.Length + cost);
            (frame, cost) = (frame[part.Length..], 0);
        }
        while (!frame.IsEmpty);
    }

    private void Written(int bytes)
    {
        lock (_lock)
        {
            _bytes -= bytes;
            _progressAt = clock.GetTimestamp();
            _room?.SetResult();
            _room = null;
        }
    }

    private void Break()
    {
        lock (_lock)
        {
            _broken = true;
            (_waiting, _pong) = (null, null);
            _bytes = 0;
            _room?.SetResult();
            _room = null;
        }
    }
}
