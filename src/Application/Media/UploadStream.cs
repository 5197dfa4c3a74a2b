using System.Security.Cryptography;

namespace ChatCqrs.Application.Media;

/// <summary>
/// A stretch of a request's body on its way to the store: hashes what passes, keeps its head, and ends at a limit, or where the client went away,
/// so that what has arrived can be kept.
/// </summary>
/// <param name="body">The body.</param>
/// <param name="whole">The hash over the file so far; null when it is not wanted.</param>
internal sealed class UploadStream(Stream body, IncrementalHash? whole) : Stream
{
    private readonly byte[] _head = new byte[ContentTypes.HeadSize];
    private int _headSize;
    private long _left;

    /// <summary>How many bytes have passed in all.</summary>
    public long Passed { get; private set; }

    /// <summary>The first bytes that passed.</summary>
    public ReadOnlyMemory<byte> Head => _head.AsMemory(0, _headSize);

    /// <summary>There is no more to come.</summary>
    public bool Ended { get; private set; }

    /// <summary>Why it ended before its end; null when it did not.</summary>
    public Exception? Interruption { get; private set; }

    /// <summary>A further hash over the whole body.</summary>
    public IncrementalHash? Checksum { get; init; }

    /// <summary>Whether an interruption is an end like any other; otherwise it goes on to the reader.</summary>
    public bool KeepsWhatArrived { get; init; }

    /// <summary>Lets so many more bytes pass.</summary>
    public void Allow(long bytes) => _left = bytes;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
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
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override void Flush() => throw new NotSupportedException();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
