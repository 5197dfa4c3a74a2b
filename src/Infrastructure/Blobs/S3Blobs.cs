using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Blobs;

/// <summary>
/// Blobs as objects of a bucket. Content below <see cref="PartSize"/> takes one request, larger content a multipart
/// upload, with one part in memory at a time.
/// </summary>
internal sealed class S3Blobs(IAmazonS3 s3, string bucket, string prefix) : IBlobs, IDisposable
{
    /// <summary>Amazon S3 limits: parts of at least 5 MiB, except the last one, and at most 10,000 parts.</summary>
    private const int PartSize = 8 * 1024 * 1024;

    public static S3Blobs Open(S3Options options) => new(Connect(options), options.Bucket, options.Prefix);

    /// <summary>A client of the store. It connects at its first request.</summary>
    public static AmazonS3Client Connect(S3Options options)
    {
        var config = new AmazonS3Config
        {
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.PathStyle,
            // Other stores do not support Amazon's newer checksums; callers hash the whole content.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            MaxErrorRetry = 3,
            Timeout = TimeSpan.FromMinutes(5),
        };
        if (options.Endpoint is { } endpoint)
            config.ServiceURL = endpoint.AbsoluteUri;
        else
            config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(options.Region);
        return options.AccessKey is { } key
            ? new AmazonS3Client(new BasicAWSCredentials(key, options.SecretKey), config)
            : new AmazonS3Client(config);
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
            return Stream.Null; // The offset is the end of the object.
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
            // Deleted before.
        }
    }

    public void Dispose() => s3.Dispose();

    private string NameOf(BlobKey key) => prefix + key;

    /// <summary>
    /// The object appears only when the upload completes. A failed upload is aborted; the bucket's lifecycle rule
    /// should remove uploads that could not be aborted.
    /// </summary>
    private async Task<long> PutPartsAsync(
        string name, byte[] buffer, Stream content, CancellationToken cancellationToken)
    {
        var id = (await GuardAsync(() => s3.InitiateMultipartUploadAsync(bucket, name, cancellationToken))).UploadId;
        try
        {
            var parts = new List<PartETag>();
            var (size, filled) = (0L, PartSize);
            while (filled > 0)
            {
                var part = new MemoryStream(buffer, 0, filled);
                parts.Add(await PutPartAsync(name, id, parts.Count + 1, part, cancellationToken));
                size += filled;
                filled = await content.ReadAtLeastAsync(buffer, PartSize, throwOnEndOfStream: false, cancellationToken);
            }

            var complete = new CompleteMultipartUploadRequest
            {
                BucketName = bucket,
                Key = name,
                UploadId = id,
                PartETags = parts,
            };
            await GuardAsync(() => s3.CompleteMultipartUploadAsync(complete, cancellationToken));
            return size;
        }
        catch
        {
            await AbortAsync(name, id);
            throw;
        }
    }

    private async Task<PartETag> PutPartAsync(
        string name, string id, int number, MemoryStream bytes, CancellationToken cancellationToken)
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
        catch (Exception exception)
            when (exception is AmazonClientException or AmazonServiceException or HttpRequestException)
        {
            // The caller gets the first error.
        }
    }

    private static async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (IsUnavailable(exception))
        {
            throw new StoreUnavailableException(
                "The object store cannot be reached, or does not answer in time.", exception);
        }
    }

    /// <summary>Whether the same call may succeed later.</summary>
    public static bool IsUnavailable(Exception exception) => exception switch
    {
        AmazonServiceException { StatusCode: var status } =>
            status is 0 or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError,
        AmazonClientException or HttpRequestException or TimeoutException => true,
        _ => false,
    };
}
