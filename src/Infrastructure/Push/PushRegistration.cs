using System.Net;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Reacting;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

public static class PushRegistration
{
    private const string DevelopmentKeyFile = "vapid-key.pem";

    /// <summary>Adds push subscriptions, the reaction that wakes users, and the senders.</summary>
    /// <param name="dataFolder">The folder of Development's VAPID key.</param>
    public static IServiceCollection AddPush(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment, string dataFolder)
    {
        AddOptions(services, configuration.GetSection("Push"), environment.IsDevelopment(), dataFolder);
        services.ConfigureMarten(PushSchema.Register);
        services.AddSingleton<ReactionSignal>();
        services.AddSingleton<IPushSubscriptions, PostgresPushSubscriptions>();
        services.AddSingleton<IPushQueue, HangfirePushQueue>();
        services.AddSingleton<PushJob>();
        services.AddSingleton<NameResolver>();
        services.AddSingleton<OpenAddresses>();
        services.AddSingleton<IPushAddresses>(provider => provider.GetRequiredService<OpenAddresses>());
        services.AddSingleton<VapidKey>();
        services.AddSingleton<IVapidKey>(provider => provider.GetRequiredService<VapidKey>());
        services.AddSingleton<IPushSender>(provider => ActivatorUtilities.CreateInstance<WebPushSender>(
            provider, provider.GetRequiredService<OpenAddresses>().CreateClient()));
        services.AddSingleton<IPushSender>(provider =>
            ActivatorUtilities.CreateInstance<FcmSender>(provider, ServiceClient()));
        services.AddSingleton<IPushSender>(provider =>
            ActivatorUtilities.CreateInstance<ApnsSender>(provider, ServiceClient()));

        services.AddSingleton<ReactionHost>();
        services.AddHostedService(provider => provider.GetRequiredService<ReactionHost>());
        services.AddSingleton<IReaction, WakeUps>();
        services.AddHostedService<OverdueWakeUps>();
        return services;
    }

    private static void AddOptions(
        IServiceCollection services, IConfigurationSection section, bool development, string dataFolder)
    {
        services.AddOptions<PushOptions>().Bind(section).ValidateOnStart();
        services.AddOptions<PushSettings>().Bind(section).PostConfigure(settings =>
        {
            if (settings.Vapid.Subject.Length == 0 && development)
                settings.Vapid.Subject = "mailto:development@localhost";
            if (settings.Vapid.Key is not null || settings.Vapid.KeyFile is not null || !development)
                return;
            settings.Vapid.KeyFile = Path.Combine(dataFolder, DevelopmentKeyFile);
            SigningKeys.CreateIfMissing(settings.Vapid.KeyFile);
        }).ValidateOnStart();
        services.AddSingleton<IValidateOptions<PushOptions>, PushValidation>();
        services.AddSingleton<IValidateOptions<PushSettings>, PushSettingsValidation>();
    }

    /// <summary>A client for the services in the settings, FCM and APNs.</summary>
    private static HttpClient ServiceClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(15),
        EnableMultipleHttp2Connections = true,
        AutomaticDecompression = DecompressionMethods.None,
    })
    { Timeout = SendPush.AttemptMax, MaxResponseContentBufferSize = 64 * 1024 };
}

/// <summary>Validates the settings at start; each error names the wrong setting.</summary>
internal sealed class PushValidation : IValidateOptions<PushOptions>
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(100);

    public ValidateOptionsResult Validate(string? name, PushOptions options)
    {
        if (IsOutside(options.MergeWindow, TimeSpan.Zero, TimeSpan.FromMinutes(1)))
            return Fail("Push:MergeWindow must be 00:00:00 to 00:01:00.");
        if (IsOutside(options.LookAgainAfter, ShortestWait, TimeSpan.FromHours(1)))
            return Fail("Push:LookAgainAfter must be 00:00:00.1 to 01:00:00.");
        if (IsOutside(options.RetryFirst, ShortestWait, TimeSpan.FromHours(1)))
            return Fail("Push:RetryFirst must be 00:00:00.1 to 01:00:00.");
        if (IsOutside(options.RetryMax, options.RetryFirst, TimeSpan.FromDays(1)))
            return Fail("Push:RetryMax must be Push:RetryFirst to 1.00:00:00.");
        if (options.SubscriptionsMax is < 1 or > 100)
            return Fail("Push:SubscriptionsMax must be 1 to 100.");
        if (options.FailuresMax is < 1 or > 1_000)
            return Fail("Push:FailuresMax must be 1 to 1000.");
        if (IsOutside(options.PauseFor, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)))
            return Fail("Push:PauseFor must be 00:00:01 to 1.00:00:00.");
        if (options.AttemptsMax is < 1 or > 50)
            return Fail("Push:AttemptsMax must be 1 to 50.");
        return IsOutside(options.TimeToLive, TimeSpan.Zero, TimeSpan.FromDays(28))
            ? Fail("Push:TimeToLive must be 00:00:00 to 28.00:00:00.")
            : ValidateOptionsResult.Success;
    }

    private static bool IsOutside(TimeSpan value, TimeSpan least, TimeSpan most) => value < least || value > most;

    private static ValidateOptionsResult Fail(string line) => ValidateOptionsResult.Fail(line);
}

/// <inheritdoc cref="PushValidation"/>
internal sealed class PushSettingsValidation : IValidateOptions<PushSettings>
{
    public ValidateOptionsResult Validate(string? name, PushSettings settings)
    {
        var vapid = settings.Vapid;
        if (vapid.KeyFile is { } file && vapid.Key is null && !File.Exists(file))
            return Fail("Push:Vapid:KeyFile names no file.");
        if ((vapid.Key ?? vapid.KeyFile) is not null && !IsSubject(vapid.Subject))
            return Fail("Push:Vapid:Subject must be a mailto or https address.");
        if (settings.Fcm is { } fcm && !File.Exists(fcm.ServiceAccountFile))
            return Fail("Push:Fcm:ServiceAccountFile names no file.");
        if (settings.Apns is not { } apns)
            return ValidateOptionsResult.Success;
        if (!File.Exists(apns.KeyFile))
            return Fail("Push:Apns:KeyFile names no file.");
        return apns.KeyId.Length == 0 || apns.TeamId.Length == 0
            ? Fail("Push:Apns:KeyId and Push:Apns:TeamId must be set.")
            : ValidateOptionsResult.Success;
    }

    private static bool IsSubject(string subject) =>
        subject.StartsWith("mailto:", StringComparison.Ordinal)
        || subject.StartsWith("https://", StringComparison.Ordinal);

    private static ValidateOptionsResult Fail(string line) => ValidateOptionsResult.Fail(line);
}
