using System.Security.Cryptography;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Contracts.Blobs;

/// <summary>The store for all tests of a class.</summary>
public interface IBlobsFixture : IAsyncLifetime
{
    IBlobs Blobs { get; }

    /// <summary>Why the suite cannot run on this machine; null when it can.</summary>
    string? Missing { get; }
}

/// <summary>The contract of <see cref="IBlobs"/>. Each adapter has a one-line subclass.</summary>
public abstract class BlobsContract<TFixture>(TFixture fixture) : IClassFixture<TFixture>, IAsyncLifetime
    where TFixture : class, IBlobsFixture
{
    private const int Megabyte = 1024 * 1024;

    private IBlobs Blobs => fixture.Blobs;

    public Task InitializeAsync()
    {
        Skip.If(fixture.Missing is not null, fixture.Missing);
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    [InlineData((8 * Megabyte) - 1)]
    [InlineData(8 * Megabyte)]
    [InlineData((20 * Megabyte) + 7)]
    public async Task Bytes_come_back_as_they_went_in(int size)
    {
        var (key, bytes) = (BlobKey.New(), RandomNumberGenerator.GetBytes(size));

        Assert.Equal(size, await Blobs.PutAsync(key, new Trickle(bytes), CancellationToken.None));

        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(await ReadAsync(key, 0)));
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5_000)]
    [InlineData(9_999)]
    [InlineData(10_000)]
    public async Task Reading_begins_anywhere(int offset)
    {
        var (key, bytes) = (BlobKey.New(), RandomNumberGenerator.GetBytes(10_000));
        await Blobs.PutAsync(key, new MemoryStream(bytes), CancellationToken.None);

        Assert.Equal(bytes[offset..], await ReadAsync(key, offset));
    }

    [SkippableFact]
    public async Task Nothing_is_under_a_key_that_was_not_used()
    {
        Assert.Null(await Blobs.OpenAsync(BlobKey.New(), 0, CancellationToken.None));
        Assert.Null(await Blobs.OpenAsync(BlobKey.New(), 5, CancellationToken.None));
        await Blobs.DeleteAsync(BlobKey.New(), CancellationToken.None);
    }

    [SkippableFact]
    public async Task What_was_deleted_is_gone_however_often_it_is()
    {
        var (one, other) = (BlobKey.New(), BlobKey.New());
        await Blobs.PutAsync(one, new MemoryStream([1]), CancellationToken.None);
        await Blobs.PutAsync(other, new MemoryStream([2]), CancellationToken.None);

        await Blobs.DeleteAsync(one, CancellationToken.None);
        await Blobs.DeleteAsync(one, CancellationToken.None);

        Assert.Null(await Blobs.OpenAsync(one, 0, CancellationToken.None));
        Assert.Equal([2], await ReadAsync(other, 0));
    }

    [SkippableTheory]
    [InlineData(100)]
    [InlineData(20 * Megabyte)]
    public async Task Half_of_it_is_nothing(int size)
    {
        var key = BlobKey.New();

        await Assert.ThrowsAsync<EndOfStreamException>(
            () => Blobs.PutAsync(key, new Trickle(new byte[size], breaks: true), CancellationToken.None));

        Assert.Null(await Blobs.OpenAsync(key, 0, CancellationToken.None));
        await Blobs.DeleteAsync(key, CancellationToken.None);
        await Blobs.PutAsync(key, new MemoryStream([7]), CancellationToken.None);
        Assert.Equal([7], await ReadAsync(key, 0));
    }

    [SkippableFact]
    public async Task Who_gives_up_leaves_nothing()
    {
        var key = BlobKey.New();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Blobs.PutAsync(key, new Trickle(new byte[100]), new CancellationToken(canceled: true)));

        Assert.Null(await Blobs.OpenAsync(key, 0, CancellationToken.None));
    }

    [SkippableFact]
    public async Task Many_are_stored_at_once()
    {
        var blobs = Enumerable.Range(0, 20)
            .Select(_ => (Key: BlobKey.New(), Bytes: RandomNumberGenerator.GetBytes(50_000))).ToList();

        await Task.WhenAll(blobs.Select(
            blob => Blobs.PutAsync(blob.Key, new Trickle(blob.Bytes), CancellationToken.None)));

        foreach (var blob in blobs)
            Assert.Equal(blob.Bytes, await ReadAsync(blob.Key, 0));
    }

    private async Task<byte[]> ReadAsync(BlobKey key, long offset)
    {
        await using var stream = await Blobs.OpenAsync(key, offset, CancellationToken.None);
        Assert.NotNull(stream);
        var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    /// <summary>A stream like a network's: forward only, in small reads.</summary>
    private sealed class Trickle(byte[] bytes, bool breaks = false) : Stream
    {
        private int _position;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var size = Math.Min(Math.Min(buffer.Length, 60_000), bytes.Length - _position);
            if (size == 0 && breaks)
                throw new EndOfStreamException();
            bytes.AsMemory(_position, size).CopyTo(buffer);
            _position += size;
            return ValueTask.FromResult(size);
        }

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

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
}
