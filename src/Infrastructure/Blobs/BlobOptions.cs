namespace ChatCqrs.Infrastructure.Blobs;

/// <summary>Where the bytes of media are kept (section <c>Media</c> of the configuration).</summary>
public sealed record BlobOptions
{
    /// <summary>A folder, which all nodes must share; <c>media</c> in the data folder by default. Not used with <see cref="S3"/>.</summary>
    public string? Folder { get; set; }

    /// <summary>A bucket of an S3-compatible store; null for a folder.</summary>
    public S3Options? S3 { get; init; }
}

/// <summary>A bucket (section <c>Media:S3</c>).</summary>
public sealed record S3Options
{
    /// <summary>The bucket's name. It must exist.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>The store's address; null for Amazon's own.</summary>
    public Uri? Endpoint { get; init; }

    public string Region { get; init; } = "us-east-1";

    /// <summary>Null to take the credentials from where Amazon's tools find them.</summary>
    public string? AccessKey { get; init; }

    public string? SecretKey { get; init; }

    /// <summary>What every key begins with.</summary>
    public string Prefix { get; init; } = "media/";

    /// <summary>Whether the bucket stands in the path and not in the host's name, as most stores but Amazon's want it.</summary>
    public bool PathStyle { get; init; } = true;
}
