using System.Security.Cryptography;

namespace ChatCqrs.WebApi.Auditing;

/// <summary>An answer's body that hashes what was handed to the connection while its client was there.</summary>
/// <param name="body">The connection's stream.</param>
/// <param name="isHead">Whether the connection drops the body, as it does for HEAD.</param>
/// <param name="gone">Signalled when the client has gone.</param>
internal sealed class WrittenBody(Stream body, bool isHead, CancellationToken gone) : Stream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The hash of what was written so far.</summary>
    public byte[] Sha256() => _hash.GetCurrentHash();

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await body.WriteAsync(buffer, cancellationToken);
        Count(buffer.Span);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count)
    {
        body.Write(buffer, offset, count);
        Count(buffer.AsSpan(offset, count));
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => body.FlushAsync(cancellationToken);

    public override void Flush() => body.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _hash.Dispose(); // The connection disposes its own stream.
        base.Dispose(disposing);
    }

    private void Count(ReadOnlySpan<byte> written)
    {
        if (!isHead && !gone.IsCancellationRequested)
            _hash.AppendData(written);
    }
}
