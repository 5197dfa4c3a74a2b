namespace ChatCqrs.Application.Media;

/// <summary>Uploads and downloads (section <c>Media</c> of the configuration).</summary>
public sealed record MediaOptions
{
    /// <summary>How many bytes a file may have; 1 to 1 TiB.</summary>
    public long SizeMax { get; init; } = 2L * 1024 * 1024 * 1024;

    /// <summary>How long an upload in several parts may take, and a single request at most; one minute to 30 days.</summary>
    public TimeSpan UploadExpiry { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How many unfinished uploads a user may have; 1 to 10,000.</summary>
    public int UnfinishedMax { get; init; } = 100;

    /// <summary>After how long without a message that refers to it a file is collected; one second to 3,650 days.</summary>
    public TimeSpan UnreferencedAfter { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How often that is looked for; one second to a day.</summary>
    public TimeSpan CollectEvery { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// Where a content delivery network answers for this server: downloads are redirected there. Null to serve them here.
    /// </summary>
    public Uri? PublicBaseUrl { get; init; }

    /// <summary>How long the address of such a redirect is good for, at least; one second to a day.</summary>
    public TimeSpan UrlLifetime { get; init; } = TimeSpan.FromMinutes(5);
}
