using System.Security.Cryptography;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Reads a request's body piece by piece for the store: hashes the bytes, keeps the first ones, and ends at a limit or
/// where the client disconnected, so that the bytes received can be kept.
/// </summary>
/// <param name="body">The request's body.</param>
/// <param name="whole">The hash over the file so far; null if it is not needed.</param>
internal sealed class UploadStream(Stream body, IncrementalHash? whole) : Stream
{
    private readonly byte[] _head = new byte[ContentTypes.HeadSize];
    private int _headSize;
    private long _left;

    /// <summary>The number of bytes read in all.</summary>
    public long Passed { get; private set; }

    /// <summary>The first bytes read, at most <see cref="ContentTypes.HeadSize"/>.</summary>
    public ReadOnlyMemory<byte> Head => _head.AsMemory(0, _headSize);

    /// <summary>Whether the body has ended.</summary>
    public bool Ended { get; private set; }

    /// <summary>Why the body ended early; null if it did not.</summary>
    public Exception? Interruption { get; private set; }

    /// <summary>A second hash, over the whole body; null for none.</summary>
    public IncrementalHash? Checksum { get; init; }

    /// <summary>Stored bytes to be stored again before the body's; they are neither counted nor hashed.</summary>
    public ReadOnlyMemory<byte> Prefix { get; set; }

    /// <summary>Whether an interruption ends the body normally; otherwise it is thrown.</summary>
    public bool KeepsWhatArrived { get; init; }

    /// <summary>Sets how many more bytes may be read.</summary>
    public void Allow(long bytes) => _left = bytes;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!Prefix.IsEmpty)
        {
            var size = Math.Min(Prefix.Length, buffer.Length);
            Prefix[..size].CopyTo(buffer);
            Prefix = Prefix[size..];
            return size;
        }

        if (Ended || _left == 0 || buffer.IsEmpty)
            return 0;
        int read;
        try
        {
            read = await body.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], cancellationToken);
        }
        catch (Exception exception) when (KeepsWhatArrived && exception is IOException or OperationCanceledException)
        {
            (Interruption, Ended) = (exception, true);
            return 0;
        }

        if (read == 0)
            Ended = true;
        else
            Note(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    private void Note(ReadOnlySpan<byte> bytes)
    {
        whole?.AppendData(bytes);
        Checksum?.AppendData(bytes);
        if (_headSize < _head.Length)
        {
            var part = bytes[..Math.Min(bytes.Length, _head.Length - _headSize)];
            part.CopyTo(_head.AsSpan(_headSize));
            _headSize += part.Length;
        }

        Passed += bytes.Length;
        _left -= bytes.Length;
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => throw new NotSupportedException();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
