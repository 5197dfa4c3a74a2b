using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Reads a file from its segments in sequence. Seeking is free: a segment is opened on its first read.
/// </summary>
/// <param name="segments">In order and gap-free, from offset 0.</param>
public sealed class SegmentStream(IBlobs blobs, IReadOnlyList<Segment> segments) : Stream
{
    private Stream? _current;
    private long _position, _end;

    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => false;

    public override long Length { get; } = segments.Sum(segment => segment.Size);

    public override long Position
    {
        get => _position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= Length || buffer.IsEmpty)
            return 0;
        _current ??= await OpenAsync(cancellationToken);
        var read = await _current.ReadAsync(
            buffer[..(int)Math.Min(buffer.Length, _end - _position)], cancellationToken);
        if (read == 0)
            throw new IOException($"Stored bytes end at {_position}, before their end at {_end}.");
        _position += read;
        if (_position == _end)
            await CloseAsync();
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin)
    {
        var position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => _position + offset,
            _ => Length + offset,
        };
        ArgumentOutOfRangeException.ThrowIfNegative(position, nameof(offset));
        if (position == _position)
            return position;
        _current?.Dispose();
        _current = null;
        return _position = position;
    }

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _current?.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask CloseAsync()
    {
        if (_current is { } current)
            await current.DisposeAsync();
        _current = null;
    }

    private async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        var segment = segments.Last(segment => segment.Offset <= _position);
        _end = segment.Offset + segment.Size;
        return await blobs.OpenAsync(segment.Key, _position - segment.Offset, cancellationToken)
            ?? throw new IOException($"The stored bytes {segment.Key} are missing.");
    }

    public override void Flush() => throw new NotSupportedException();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
