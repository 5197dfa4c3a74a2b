using System.Net;
using Amazon.S3;
using Amazon.S3.Model;
using ChatCqrs.Infrastructure.Blobs;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// A mirror in a bucket of an S3-compatible store. Writes are conditional, where the store knows conditions: an object
/// that is there is not replaced. A bucket with object lock keeps what is replaced or removed as versions.
/// </summary>
internal sealed class BucketMirror(IAmazonS3 s3, string bucket, string prefix) : IMirrorFiles, IDisposable
{
    /// <summary>The most time of one file, with retries.</summary>
    private static readonly TimeSpan FileTimeout = TimeSpan.FromMinutes(1);

    public static BucketMirror Open(S3Options options) =>
        new(S3Blobs.Connect(options), options.Bucket, options.Prefix);

    public async Task<byte[]?> FindAsync(string path, CancellationToken cancellationToken) =>
        (await GetAsync(path, cancellationToken))?.Bytes;

    public async Task AddAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var there = await GetAsync(path, cancellationToken);
        if (there is null && !await PutAsync(path, bytes, etag: null, cancellationToken))
            there = await GetAsync(path, cancellationToken); // Another writer was first.
        if (there is not null && !there.Value.Bytes.AsSpan().SequenceEqual(bytes.Span))
            throw new AuditHaltedException($"Audit:Mirror has another {path} than this server, and keeps it.");
    }

    public async Task<bool> ReplaceAsync(
        string path, byte[]? from, ReadOnlyMemory<byte> to, CancellationToken cancellationToken)
    {
        var there = await GetAsync(path, cancellationToken);
        if (there is null != from is null
            || (there is not null && !there.Value.Bytes.AsSpan().SequenceEqual(from)))
            return false;
        return await PutAsync(path, to, there?.ETag, cancellationToken);
    }

    public async Task RemoveAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            var list = await GuardAsync(
                cancelled => s3.ListObjectsV2Async(
                    new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + folder + "/" }, cancelled),
                cancellationToken);
            foreach (var found in list.S3Objects ?? [])
            {
                await GuardAsync(
                    cancelled => s3.DeleteObjectAsync(bucket, found.Key, cancelled), cancellationToken);
            }
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.Forbidden)
        {
            // The bucket's policy lets nobody delete.
        }
        catch (AmazonS3Exception exception)
        {
            throw Away(exception);
        }
    }

    public void Dispose() => s3.Dispose();

    private async Task<(byte[] Bytes, string ETag)?> GetAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await GuardAsync<(byte[], string)?>(
                async cancelled =>
                {
                    using var found = await s3.GetObjectAsync(bucket, prefix + path, cancelled);
                    using var bytes = new MemoryStream();
                    await found.ResponseStream.CopyToAsync(bytes, cancelled);
                    return (bytes.ToArray(), found.ETag);
                },
                cancellationToken);
        }
        catch (AmazonS3Exception exception) when (exception.ErrorCode is "NoSuchKey" or "NotFound")
        {
            return null;
        }
        catch (AmazonS3Exception exception)
        {
            throw Away(exception);
        }
    }

    /// <param name="etag">That of the object to replace; null if there is none.</param>
    /// <returns>False if there is another object.</returns>
    private async Task<bool> PutAsync(
        string path, ReadOnlyMemory<byte> bytes, string? etag, CancellationToken cancellationToken)
    {
        try
        {
            await PutAsync(isConditional: true);
            return true;
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode is
            HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict)
        {
            return false;
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode is HttpStatusCode.NotImplemented)
        {
            await PutAsync(isConditional: false); // The object was compared before.
            return true;
        }
        catch (AmazonS3Exception exception)
        {
            throw Away(exception);
        }

        Task<PutObjectResponse> PutAsync(bool isConditional) => GuardAsync(
            cancelled => s3.PutObjectAsync(
                new PutObjectRequest
                {
                    BucketName = bucket,
                    Key = prefix + path,
                    InputStream = new MemoryStream(bytes.ToArray()),
                    UseChunkEncoding = false,
                    IfMatch = isConditional ? etag : null,
                    IfNoneMatch = isConditional && etag is null ? "*" : null,
                },
                cancelled),
            cancellationToken);
    }

    /// <summary>Answers of the store come through, other than that it is overloaded.</summary>
    private static async Task<T> GuardAsync<T>(
        Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(FileTimeout);
        try
        {
            return await call(limit.Token);
        }
        catch (Exception exception) when (exception is IOException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            || (S3Blobs.IsUnavailable(exception)
                && exception is not AmazonS3Exception { StatusCode: HttpStatusCode.NotImplemented }))
        {
            throw Away(exception);
        }
    }

    private static MirrorUnavailableException Away(Exception exception) =>
        new("The bucket of Audit:Mirror: " + exception.Message, exception);
}
