using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Uploads and downloads (section <c>Media</c> of the configuration).</summary>
public sealed record MediaOptions
{
    /// <summary>The largest file, in bytes; 1 to 64 GiB.</summary>
    public long SizeMax { get; init; } = 2L * 1024 * 1024 * 1024;

    /// <summary>How long an upload in several parts, or a single request, may take; one second to 30 days.</summary>
    public TimeSpan UploadExpiry { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The most unfinished uploads of a user; 1 to 10,000.</summary>
    public int UnfinishedMax { get; init; } = 100;

    /// <summary>The most bytes of a user's files and unfinished uploads; 1 to 1 PiB.</summary>
    public long UserBytesMax { get; init; } = 10L * 1024 * 1024 * 1024;

    /// <summary>The most files and unfinished uploads of a user; 1 to 10,000,000.</summary>
    public int UserFilesMax { get; init; } = 10_000;

    /// <summary>
    /// The same of files that no message refers to and that are no avatar, and of unfinished uploads; 1 to 1 PiB.
    /// </summary>
    public long UnreferencedBytesMax { get; init; } = 4L * 1024 * 1024 * 1024;

    /// <inheritdoc cref="UnreferencedBytesMax"/>
    public int UnreferencedFilesMax { get; init; } = 1_000;

    /// <summary>How long an unreferenced file is kept; one second to 3,650 days.</summary>
    public TimeSpan UnreferencedAfter { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How often garbage is collected; one second to a day.</summary>
    public TimeSpan CollectEvery { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// The base address of a content delivery network to which downloads are redirected; null to serve them here.
    /// </summary>
    public Uri? PublicBaseUrl { get; init; }

    /// <summary>The least time for which such an address is valid; one second to a day.</summary>
    public TimeSpan UrlLifetime { get; init; } = TimeSpan.FromMinutes(5);

    internal MediaQuota QuotaOf(UserId owner, DateTimeOffset now) => new(
        owner, UserBytesMax, UserFilesMax, UnreferencedBytesMax, UnreferencedFilesMax, now - UnreferencedAfter, now);
}
