namespace ChatCqrs.Infrastructure.Blobs;

/// <summary>Storage of media content (section <c>Media</c> of the configuration).</summary>
public sealed record BlobOptions
{
    /// <summary>
    /// A folder that all nodes share; <c>media</c> in the data folder by default. Unused with <see cref="S3"/>.
    /// </summary>
    public string? Folder { get; set; }

    /// <summary>A bucket of an S3-compatible store; null to use <see cref="Folder"/>.</summary>
    public S3Options? S3 { get; init; }
}

/// <summary>A bucket of an S3-compatible store (section <c>Media:S3</c>).</summary>
public record S3Options
{
    /// <summary>The bucket's name. It must exist.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>The store's address; null for Amazon S3.</summary>
    public Uri? Endpoint { get; init; }

    public string Region { get; init; } = "us-east-1";

    /// <summary>Null to use the AWS SDK's default credentials.</summary>
    public string? AccessKey { get; init; }

    public string? SecretKey { get; init; }

    /// <summary>The prefix of every object key.</summary>
    public string Prefix { get; init; } = "media/";

    /// <summary>
    /// Whether the URL's path names the bucket, as most stores but Amazon S3 expect; otherwise the host name does.
    /// </summary>
    public bool PathStyle { get; init; } = true;
}
