using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Scheduling;
using ChatCqrs.Infrastructure.Tlog;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Auditing;

public static class VerifiableLogsRegistration
{
    private const string KeyFileName = "audit-key.pem";
    private const int KeepDaysMax = 36_500;

    /// <summary>Adds the verifiable logs and the job that fills the log of heads.</summary>
    /// <param name="dataFolder">The folder of the signing key, unless the settings name a file.</param>
    public static IServiceCollection AddVerifiableLogs(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment,
        string dataFolder)
    {
        services.AddOptions<AuditOptions>()
            .PostConfigure(options => options.KeyFile ??= Path.Combine(dataFolder, KeyFileName))
            .Validate(
                options => options.Origin is not null || environment.IsDevelopment(),
                "Audit:Origin must be set: the address of /v1/audit/heads without its scheme.")
            .Validate(
                options => options.Origin is null || IsOrigin(options.Origin),
                "Audit:Origin must end with /heads, and have no spaces and no plus signs.")
            .Validate(
                options => options.Interval >= TimeSpan.FromSeconds(1) && options.Interval <= TimeSpan.FromHours(1),
                "Audit:Interval must be 00:00:01 to 01:00:00.")
            .Validate(
                options => options.KeepDays is >= 1 and <= KeepDaysMax, $"Audit:KeepDays must be 1 to {KeepDaysMax}.")
            .Validate(
                options => HasKey(options.KeyFile!), "Audit:KeyFile must hold an Ed25519 private key in PEM form.")
            .Validate(
                options => options.NextKeyFile is null || IsAnother(options.NextKeyFile, options.KeyFile!),
                "Audit:NextKeyFile must hold an Ed25519 private key in PEM form, another than Audit:KeyFile.")
            .Validate(
                options => options.VerifyAt >= TimeSpan.Zero && options.VerifyAt < TimeSpan.FromDays(1),
                "Audit:VerifyAt must be 00:00:00 to 23:59:59.")
            .Validate(
                options => options.VerifyFor >= TimeSpan.Zero && options.VerifyFor <= TimeSpan.FromHours(23),
                "Audit:VerifyFor must be 00:00:00 to 23:00:00.")
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<AuditOptions>, WitnessFile>();
        services.ConfigureMarten(AuditSchema.Register);
        services.AddElsewhere(configuration.GetSection("Audit"));
        services.ConfigureMarten(DeviceListSchema.Register);
        services.AddSingleton<LogSigning>();
        services.AddSingleton<ISignatures, Ed25519Signatures>();
        services.AddSingleton<IDeviceListLog, PostgresDeviceListLog>();
        services.AddSingleton<DeviceLists>();
        services.AddSingleton<HeadsLog>();
        services.AddSingleton<AuditLogQueries>();
        services.AddSingleton<IAuditLog>(provider => provider.GetRequiredService<AuditLogQueries>());
        services.AddSingleton<IPublishedHeads>(provider => provider.GetRequiredService<AuditLogQueries>());
        services.AddSingleton<IRecordedBy>(provider => provider.GetRequiredService<AuditLogQueries>());
        services.AddSingleton<IHeadOpenings>(provider => provider.GetRequiredService<AuditLogQueries>());
        services.AddHostedService<HeadsJob>();
        services.AddSingleton(_ => new WitnessClient(WitnessClient.CreateHttp()));
        services.AddSingleton<Witnesses>();
        services.AddSingleton<IPublishedElsewhere, WitnessedSizes>();
        services.AddHostedService<WitnessJob>();
        services.AddSingleton<ILogVerification, LogVerification>();
        services.AddRecurring("verify-log", _ => VerifyLog.Every, () => new VerifyLog.Command());
        return services;
    }

    private static bool IsOrigin(string origin) =>
        VerifierKey.IsName(origin) && origin.EndsWith("/" + EntryLog.Heads, StringComparison.Ordinal);

    private static bool IsAnother(string next, string current)
    {
        try
        {
            using var one = NoteSigner.Of(EntryLog.Heads, File.ReadAllBytes(next));
            using var other = NoteSigner.Of(EntryLog.Heads, File.ReadAllBytes(current));
            return !one.Verifier.Raw.Span.SequenceEqual(other.Verifier.Raw.Span);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            return false;
        }
    }

    /// <summary>Whether the file, which is created if it is missing, has a key.</summary>
    private static bool HasKey(string path)
    {
        try
        {
            FirstFile.Create(path, file => file.Write(NoteSigner.NewKey()));
            using var signer = NoteSigner.Of(EntryLog.Heads, File.ReadAllBytes(path));
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            return false;
        }
    }
}
