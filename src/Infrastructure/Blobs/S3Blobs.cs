using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Blobs;

/// <summary>
/// Bytes as objects of a bucket: in one request when they are few, in parts when they are many. One part is held in memory at a time.
/// </summary>
internal sealed class S3Blobs(IAmazonS3 s3, string bucket, string prefix) : IBlobs, IDisposable
{
    /// <summary>S3 wants at least 5 MiB of every part but the last, and at most 10,000 parts.</summary>
    private const int PartSize = 8 * 1024 * 1024;

    public static S3Blobs Open(S3Options options)
    {
        var config = new AmazonS3Config
        {
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.PathStyle,
            // Stores other than Amazon's know neither of the newer checksums; we hash the whole ourselves.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            MaxErrorRetry = 3,
            Timeout = TimeSpan.FromMinutes(5),
        };
        if (options.Endpoint is { } endpoint)
            config.ServiceURL = endpoint.AbsoluteUri;
        else
            config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(options.Region);
        var client = options.AccessKey is { } key
            ? new AmazonS3Client(new BasicAWSCredentials(key, options.SecretKey), config)
            : new AmazonS3Client(config);
        return new S3Blobs(client, options.Bucket, options.Prefix);
    }

    public async Task<long> PutAsync(BlobKey key, Stream content, CancellationToken cancellationToken)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(PartSize);
        var filled = await content.ReadAtLeastAsync(buffer, PartSize, throwOnEndOfStream: false, cancellationToken);
        if (filled == PartSize)
            return await PutPartsAsync(NameOf(key), buffer, content, cancellationToken);
        await GuardAsync(() => s3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = NameOf(key),
            InputStream = new MemoryStream(buffer, 0, filled),
            UseChunkEncoding = false,
        }, cancellationToken));
        return filled;
    }

    public async Task<Stream?> OpenAsync(BlobKey key, long offset, CancellationToken cancellationToken)
    {
        try
        {
            var request = new GetObjectRequest { BucketName = bucket, Key = NameOf(key) };
            if (offset > 0)
                request.ByteRange = new ByteRange($"bytes={offset}-");
            return (await GuardAsync(() => s3.GetObjectAsync(request, cancellationToken))).ResponseStream;
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return Stream.Null; // From the end on.
        }
    }

    public async Task DeleteAsync(BlobKey key, CancellationToken cancellationToken)
    {
        try
        {
            await GuardAsync(() => s3.DeleteObjectAsync(bucket, NameOf(key), cancellationToken));
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.NotFound)
        {
            // It is gone already.
        }
    }

    public void Dispose() => s3.Dispose();

    private string NameOf(BlobKey key) => prefix + key;

    /// <summary>An object shows only once it is completed; one that is not is given up, also by the bucket's own rule for what was left unfinished.</summary>
    private async Task<long> PutPartsAsync(string name, byte[] buffer, Stream content, CancellationToken cancellationToken)
    {
        var id = (await GuardAsync(() => s3.InitiateMultipartUploadAsync(bucket, name, cancellationToken))).UploadId;
        try
        {
            var parts = new List<PartETag>();
            var (size, filled) = (0L, PartSize);
            while (filled > 0)
            {
                parts.Add(await PutPartAsync(name, id, parts.Count + 1, new MemoryStream(buffer, 0, filled), cancellationToken));
                size += filled;
                filled = await content.ReadAtLeastAsync(buffer, PartSize, throwOnEndOfStream: false, cancellationToken);
            }

            await GuardAsync(() => s3.CompleteMultipartUploadAsync(
                new CompleteMultipartUploadRequest { BucketName = bucket, Key = name, UploadId = id, PartETags = parts }, cancellationToken));
            return size;
        }
        catch
        {
            await AbortAsync(name, id);
            throw;
        }
    }

    private async Task<PartETag> PutPartAsync(string name, string id, int number, MemoryStream bytes, CancellationToken cancellationToken)
    {
        var stored = await GuardAsync(() => s3.UploadPartAsync(new UploadPartRequest
        {
            BucketName = bucket,
            Key = name,
            UploadId = id,
            PartNumber = number,
            PartSize = bytes.Length,
            InputStream = bytes,
            UseChunkEncoding = false,
        }, cancellationToken));
        return new PartETag(number, stored.ETag);
    }

    private async Task AbortAsync(string name, string id)
    {
        try
        {
            await s3.AbortMultipartUploadAsync(bucket, name, id, CancellationToken.None);
        }
        catch (Exception exception) when (exception is AmazonClientException or AmazonServiceException or HttpRequestException)
        {
            // What was wrong is on its way to the caller.
        }
    }

    private static async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (AmazonServiceException exception) when (exception.StatusCode is 0 or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError)
        {
            throw new StoreUnavailableException("The object store cannot be reached, or does not answer in time.", exception);
        }
        catch (Exception exception) when (exception is AmazonClientException or HttpRequestException or TimeoutException)
        {
            throw new StoreUnavailableException("The object store cannot be reached, or does not answer in time.", exception);
        }
    }
}
