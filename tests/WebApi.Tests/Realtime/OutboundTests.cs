using System.Runtime.CompilerServices;
using System.Text;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>What waits for a socket whose peer reads slowly or not at all.</summary>
public sealed class OutboundTests
{
    private readonly ManualClock _clock = new();
    private readonly GatedStream _wire = new();
    private readonly Outbound _outbound;

    public OutboundTests() => _outbound = new Outbound(_wire, _clock);

    [Fact]
    public async Task Of_many_pings_only_the_newest_is_answered_before_what_waits()
    {
        await StartWritingAsync();
        _outbound.TryWrite("message "u8.ToArray());
        var before = _outbound.Bytes;
        for (var n = 0; n < 100_000; n++)
            _outbound.Pong(Encoding.UTF8.GetBytes($"pong{n} "));

        Assert.Equal(before + "pong99999 ".Length + Outbound.FrameCost, _outbound.Bytes);
        _wire.Open();
        await _outbound.DrainedAsync().WaitAsync(Eventually.Deadline);
        Assert.Equal("first pong99999 message ", _wire.Text);
        Assert.Equal(0, _outbound.Bytes);
    }

    [Fact]
    public async Task Every_waiting_frame_counts_more_than_its_bytes()
    {
        await StartWritingAsync();
        var frames = 0;
        while (_outbound.TryWrite(new byte[2]))
            frames++;

        Assert.InRange(
            frames, (Outbound.BytesMax / (Outbound.FrameCost + 2)) - 2, Outbound.BytesMax / (Outbound.FrameCost + 2));
        _wire.Open();
        await _outbound.DrainedAsync().WaitAsync(Eventually.Deadline);
        Assert.True(_outbound.TryWrite(new byte[2]));
    }

    [Fact]
    public async Task Written_frames_are_let_go_of_while_later_ones_still_wait()
    {
        await StartWritingAsync();
        var frames = Fill(8);
        for (var passed = 0; passed < 5; passed++)
            _wire.Pass(); // The first frame, and four of the eight.

        await Eventually.IsTrue(() => _wire.Waiting == 6, "the fifth of the eight is being written");

        Assert.Equal(4, Kept(frames));
        _wire.Open();
        await _outbound.DrainedAsync().WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Nothing_follows_the_close_frame_for_which_there_is_always_room()
    {
        await StartWritingAsync();
        while (_outbound.TryWrite(new byte[64 * 1024]))
            _outbound.Pong("pong "u8);

        Assert.True(_outbound.TryEnd("close"u8.ToArray()));
        Assert.True(_outbound.TryWrite("late"u8.ToArray()));
        Assert.True(_outbound.TryEnd("late"u8.ToArray()));
        _outbound.Pong("late"u8);
        _outbound.Drop();

        _wire.Open();
        await _outbound.DrainedAsync().WaitAsync(Eventually.Deadline);
        Assert.EndsWith("close", _wire.Text, StringComparison.Ordinal);
        Assert.StartsWith("first pong ", _wire.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_write_stalls_from_its_last_progress_on()
    {
        Assert.Equal(TimeSpan.Zero, _outbound.StalledFor);
        await StartWritingAsync();
        _outbound.TryWrite(new byte[64 * 1024]);
        _clock.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(TimeSpan.FromSeconds(7), _outbound.StalledFor);

        _wire.Pass();
        await Eventually.IsTrue(() => _wire.Waiting == 2, "the second frame is being written");
        Assert.Equal(TimeSpan.Zero, _outbound.StalledFor);
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), _outbound.StalledFor);

        _wire.Open();
        await _outbound.DrainedAsync().WaitAsync(Eventually.Deadline);
        await Eventually.IsTrue(() => _outbound.StalledFor == TimeSpan.Zero, "nothing waits");
    }

    private async Task StartWritingAsync()
    {
        Assert.True(_outbound.TryWrite("first "u8.ToArray()));
        await Eventually.IsTrue(() => _wire.Waiting == 1, "the first frame is being written");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private List<WeakReference> Fill(int count)
    {
        var frames = new List<WeakReference>();
        for (var n = 0; n < count; n++)
        {
            var frame = new byte[48 * 1024]; // Two of them are more than one write.
            frames.Add(new WeakReference(frame));
            Assert.True(_outbound.TryWrite(frame));
        }

        return frames;
    }

    private static int Kept(List<WeakReference> frames)
    {
        GC.Collect();
        return frames.Count(frame => frame.IsAlive);
    }

    /// <summary>A stream that passes one write at a time, or all of them once it is open. It keeps copies.</summary>
    private sealed class GatedStream : MemoryStream
    {
        private readonly SemaphoreSlim _passes = new(0);
        private int _waiting;

        /// <summary>How many writes have begun.</summary>
        public int Waiting => Volatile.Read(ref _waiting);

        public string Text
        {
            get
            {
                lock (_passes)
                    return Encoding.UTF8.GetString(ToArray());
            }
        }

        public void Pass() => _passes.Release();

        public void Open() => _passes.Release(1_000_000);

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var copy = buffer.ToArray();
            buffer = default;
            Interlocked.Increment(ref _waiting);
            await _passes.WaitAsync(cancellationToken);
            lock (_passes)
                Write(copy);
        }
    }
}
