using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Blobs;
using ChatCqrs.Infrastructure.Scheduling;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Media;

public static class MediaRegistration
{
    /// <summary>Adds the catalogue of uploads in PostgreSQL, and their bytes in a folder or an S3 bucket.</summary>
    /// <param name="dataFolder">The parent of the folder, unless the configuration names a folder.</param>
    public static IServiceCollection AddMedia(
        this IServiceCollection services, IConfiguration configuration, string dataFolder)
    {
        var section = configuration.GetSection("Media");
        services.AddOptions<MediaOptions>().Bind(section).ValidateOnStart();
        services.AddOptions<BlobOptions>().Bind(section)
            .PostConfigure(options => options.Folder ??= Path.Combine(dataFolder, "media"))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<MediaOptions>, MediaValidation>();
        services.AddSingleton<IValidateOptions<BlobOptions>, BlobValidation>();

        services.ConfigureMarten(MediaSchema.Register);
        services.AddSingleton<GarbageSignal>();
        services.AddSingleton<PostgresMedia>();
        services.AddSingleton<IMedia>(provider => provider.GetRequiredService<PostgresMedia>());
        services.AddSingleton<IUploads, PostgresUploads>();
        services.AddSingleton<IBlobs>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<BlobOptions>>().Value;
            return options.S3 is { } s3 ? S3Blobs.Open(s3) : new FileBlobs(options.Folder!);
        });
        services.AddHostedService<GarbageCleaner>();
        services.AddRecurring(
            "collect-media",
            provider => provider.GetRequiredService<IOptions<MediaOptions>>().Value.CollectEvery,
            () => new CollectMedia.Command());
        return services;
    }
}

/// <summary>Validates the settings when the server starts.</summary>
internal sealed class MediaValidation : IValidateOptions<MediaOptions>
{
    private const long SizeLimit = 64L * 1024 * 1024 * 1024;
    private const long UserBytesLimit = 1L << 50;
    private const int UserFilesLimit = 10_000_000;

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public ValidateOptionsResult Validate(string? name, MediaOptions options) =>
        options.SizeMax is < 1 or > SizeLimit
            ? Fail($"Media:SizeMax must be 1 to {SizeLimit}.")
        : options.UserBytesMax is < 1 or > UserBytesLimit
            ? Fail($"Media:UserBytesMax must be 1 to {UserBytesLimit}.")
        : options.UserFilesMax is < 1 or > UserFilesLimit
            ? Fail($"Media:UserFilesMax must be 1 to {UserFilesLimit}.")
        : options.UnreferencedBytesMax is < 1 or > UserBytesLimit
            ? Fail($"Media:UnreferencedBytesMax must be 1 to {UserBytesLimit}.")
        : options.UnreferencedFilesMax is < 1 or > UserFilesLimit
            ? Fail($"Media:UnreferencedFilesMax must be 1 to {UserFilesLimit}.")
        : options.UploadExpiry < Second || options.UploadExpiry > 30 * Day
            ? Fail("Media:UploadExpiry must be 00:00:01 to 30.00:00:00.")
        : options.UnfinishedMax is < 1 or > 10_000
            ? Fail("Media:UnfinishedMax must be 1 to 10000.")
        : options.UnreferencedAfter < Second || options.UnreferencedAfter > 3_650 * Day
            ? Fail("Media:UnreferencedAfter must be 00:00:01 to 3650.00:00:00.")
        : options.CollectEvery < Second || options.CollectEvery > Day
            ? Fail("Media:CollectEvery must be 00:00:01 to 1.00:00:00.")
        : options.UrlLifetime < Second || options.UrlLifetime > Day
            ? Fail("Media:UrlLifetime must be 00:00:01 to 1.00:00:00.")
        : options.PublicBaseUrl is { } url && (!url.IsAbsoluteUri || url.Scheme is not ("https" or "http"))
            ? Fail("Media:PublicBaseUrl must be an http or https URL.")
        : ValidateOptionsResult.Success;

    private static ValidateOptionsResult Fail(string line) => ValidateOptionsResult.Fail(line);
}

/// <inheritdoc cref="MediaValidation"/>
internal sealed class BlobValidation : IValidateOptions<BlobOptions>
{
    public ValidateOptionsResult Validate(string? name, BlobOptions options) => options.S3 switch
    {
        null => ValidateOptionsResult.Success,
        { Bucket: "" } => ValidateOptionsResult.Fail("Media:S3:Bucket must be set."),
        { AccessKey: null, SecretKey: not null } or { AccessKey: not null, SecretKey: null } =>
            ValidateOptionsResult.Fail("Media:S3:AccessKey and Media:S3:SecretKey must be set together."),
        { Endpoint: { } url } when !url.IsAbsoluteUri =>
            ValidateOptionsResult.Fail("Media:S3:Endpoint must be an http or https URL."),
        _ => ValidateOptionsResult.Success,
    };
}
