using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>Stored bytes that no file refers to yet; they are collected unless a file is made of them.</summary>
/// <param name="Type">The type detected from the bytes.</param>
public sealed record StagedFile(IReadOnlyList<Segment> Segments, ReadOnlyMemory<byte> Sha256, long Size, string Type);

/// <summary>
/// Stores and hashes an incoming file. Bytes that nothing will refer to are due for collection at once; those that a
/// server left behind when it ended, after <see cref="MediaOptions.UploadExpiry"/>.
/// </summary>
public sealed class Staging(
    IMedia media, IBlobs blobs, IOptions<MediaOptions> options, TimeProvider clock, ILogger<Staging> logger)
{
    /// <summary>Stores a stream to its end.</summary>
    /// <param name="least">The size that the file has at least, in bytes.</param>
    /// <param name="most">The size that it has at most; null if unknown.</param>
    /// <exception cref="RefusedException">The file is too large, or larger than the owner's quota.</exception>
    public async Task<StagedFile> StageAsync(
        UserId owner, Stream content, long least, long? most, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Value.UploadExpiry);
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var upload = new UploadStream(content, sha256);
        var now = clock.GetUtcNow();
        var key = BlobKey.New();
        var reserved = await media.ReserveAsync(
            key, now + options.Value.UploadExpiry, Math.Max(1, least),
            Math.Clamp(most ?? long.MaxValue, 1, options.Value.SizeMax), options.Value.QuotaOf(owner, now),
            cancellationToken) ?? throw new RefusedException(Refusal.MediaQuotaExceeded);
        upload.Allow(reserved + 1);
        var size = await PutAsync(key, upload, limit.Token);
        var staged = new StagedFile(
            [new Segment(0, size, key)], sha256.GetHashAndReset(), size, ContentTypes.Of(upload.Head.Span));
        if (size <= reserved)
            return staged;
        await DiscardAsync(staged.Segments);
        throw new RefusedException(
            size > options.Value.SizeMax ? Refusal.FileTooLarge : Refusal.MediaQuotaExceeded);
    }

    /// <summary>Stores bytes of an upload under a new key; its owner's quota holds them already.</summary>
    internal async Task<(BlobKey Key, long Size)> PutAsync(Stream content)
    {
        var key = BlobKey.New();
        await media.ReserveAsync(key, clock.GetUtcNow() + options.Value.UploadExpiry, CancellationToken.None);
        // A disconnecting client ends the body, but must not cancel the storing.
        return (key, await PutAsync(key, content, CancellationToken.None));
    }

    /// <summary>Makes stored bytes garbage that is due at once, unless a file or an upload has them.</summary>
    public async Task DiscardAsync(IReadOnlyCollection<Segment> segments)
    {
        try
        {
            await media.DiscardAsync([.. segments.Select(segment => segment.Key)], CancellationToken.None);
        }
        catch (StoreUnavailableException exception)
        {
            logger.LogWarning("Refused bytes stay until their reservation ends: {Reason}", exception.Message);
        }
    }

    private async Task<long> PutAsync(BlobKey key, Stream content, CancellationToken cancellationToken)
    {
        try
        {
            return await blobs.PutAsync(key, content, cancellationToken);
        }
        catch
        {
            await DiscardAsync([new Segment(0, 0, key)]);
            throw;
        }
    }
}
