using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Adds those outside of the database who know what was published: the mirror, and what was kept.</summary>
internal static class ElsewhereRegistration
{
    private const string Mirror = "Mirror";

    /// <param name="audit">The section <c>Audit</c>.</param>
    public static void AddElsewhere(this IServiceCollection services, IConfigurationSection audit)
    {
        var hasMirror = audit.GetSection(Mirror).Exists() && audit[Mirror] is not "";
        services.AddOptions<AuditOptions>().Validate(
            options => options.LastSeen is null or "" || LastSeenFiles.IsReadable(options.LastSeen),
            "Audit:LastSeen must be a file with a checkpoint, or a folder of such files.");
        services.AddOptions<MirrorOptions>().Bind(audit.GetSection(Mirror))
            .PostConfigure(options => options.Folder ??= audit[Mirror])
            .Validate(
                options => !hasMirror || options.S3 is null != string.IsNullOrEmpty(options.Folder),
                "Audit:Mirror must be a folder or a bucket, and not both.")
            .Validate(options => options.S3 is not { Bucket: "" }, "Audit:Mirror:S3:Bucket must be set.")
            .Validate(
                options => options.S3 is null || options.S3.AccessKey is null == options.S3.SecretKey is null,
                "Audit:Mirror:S3:AccessKey and Audit:Mirror:S3:SecretKey must be set together.")
            .Validate(
                options => options.S3?.Endpoint is not { IsAbsoluteUri: false },
                "Audit:Mirror:S3:Endpoint must be an http or https URL.")
            .ValidateOnStart();
        services.AddSingleton<AuditPublishing>();
        services.AddSingleton<IAuditPublishing>(provider => provider.GetRequiredService<AuditPublishing>());
        services.AddSingleton<ElsewhereCheck>();
        services.AddSingleton<HeldHeads>();
        services.AddSingleton<NewLogs>();
        services.AddSingleton<IAuditRecovery, AuditRecovery>();
        if (hasMirror)
        {
            services.AddSingleton<IMirrorFiles>(provider =>
            {
                var options = provider.GetRequiredService<IOptions<MirrorOptions>>().Value;
                return options.S3 is { } s3 ? BucketMirror.Open(s3) : new FolderMirror(options.Folder!);
            });
            services.AddSingleton<LogMirror>();
            services.AddSingleton<IPublishedElsewhere>(provider => provider.GetRequiredService<LogMirror>());
        }

        if (audit[nameof(AuditOptions.LastSeen)] is { Length: > 0 } path)
            services.AddSingleton<IPublishedElsewhere>(new LastSeenFiles(path));
    }
}
