using ChatCqrs.Infrastructure.Blobs;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Where a copy of the signed logs is kept (section <c>Audit:Mirror</c>): a folder, or a bucket. With neither there is
/// no mirror.
/// </summary>
public sealed record MirrorOptions
{
    /// <summary>
    /// A folder that exists, best on another machine. The name of the section itself may be set to it, too.
    /// </summary>
    public string? Folder { get; set; }

    /// <summary>A bucket of an S3-compatible store, best with object lock.</summary>
    public MirrorBucketOptions? S3 { get; init; }
}

/// <summary>A bucket of an S3-compatible store (section <c>Audit:Mirror:S3</c>).</summary>
public sealed record MirrorBucketOptions : S3Options
{
    public MirrorBucketOptions() => Prefix = "";
}
