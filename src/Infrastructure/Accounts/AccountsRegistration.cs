using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Infrastructure.Scheduling;
using ChatCqrs.Infrastructure.Sms;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Accounts;

public static class AccountsRegistration
{
    /// <summary>The phone of an admin and auditor in Development.</summary>
    public const string DevelopmentAdmin = "+12025550199";

    /// <summary>The phone of another admin, with the role of compliance, in Development.</summary>
    public const string DevelopmentCompliance = "+12025550198";

    private const string DevelopmentKeyFile = "token-keys.pem";

    private static readonly TimeSpan ForgetLinksEvery = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan GatewayConnectionLifetime = TimeSpan.FromMinutes(5);

    /// <summary>Adds registrations and device sessions in PostgreSQL, access tokens, and the SMS sender.</summary>
    /// <param name="dataFolder">The folder of Development's signing key.</param>
    public static IServiceCollection AddAccounts(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment, string dataFolder)
    {
        var development = environment.IsDevelopment();
        AddOptions(services, configuration, development, dataFolder);
        AddSms(services, configuration, development);

        services.ConfigureMarten(AccountSchema.Register);
        services.AddSingleton<IRegistrations, PostgresRegistrations>();
        services.AddSingleton<IDeviceLinks, PostgresDeviceLinks>();
        services.AddRecurring("forget-device-links", _ => ForgetLinksEvery, () => new ForgetDeviceLinks.Command());
        services.AddSingleton<PostgresDeviceSessions>();
        services.AddSingleton<IDeviceSessions>(provider => provider.GetRequiredService<PostgresDeviceSessions>());
        services.AddHostedService<AccountListener>();
        services.AddHostedService<LastSeenWriter>();
        services.AddSingleton(provider =>
            SigningKeys.Load(provider.GetRequiredService<IOptions<TokenOptions>>().Value));
        services.AddSingleton<IAccessTokens, JwtAccessTokens>();
        return services.AddAccountUseCases();
    }

    private static void AddOptions(
        IServiceCollection services, IConfiguration configuration, bool development, string dataFolder)
    {
        services.AddOptions<TokenOptions>().Bind(configuration.GetSection("Tokens")).PostConfigure(options =>
        {
            if (!development || options.Keys.Count > 0)
                return;
            options.KeyFile ??= Path.Combine(dataFolder, DevelopmentKeyFile);
            SigningKeys.CreateIfMissing(options.KeyFile);
        }).ValidateOnStart();
        services.AddOptions<RegistrationOptions>().Bind(configuration.GetSection("Registration"))
            .PostConfigure(options => options.RevealCode = development).ValidateOnStart();
        services.AddOptions<DeviceLinkOptions>().Bind(configuration.GetSection("DeviceLinks")).ValidateOnStart();
        services.AddOptions<AccessOptions>().Bind(configuration.GetSection("Access")).PostConfigure(options =>
        {
            if (!development)
                return;
            options.Admins.Add(DevelopmentAdmin);
            options.Auditors.Add(DevelopmentAdmin);
            options.Admins.Add(DevelopmentCompliance);
            options.Compliance.Add(DevelopmentCompliance);
        }).ValidateOnStart();

        var validation = new AccountValidation(development);
        services.AddSingleton<IValidateOptions<TokenOptions>>(validation);
        services.AddSingleton<IValidateOptions<RegistrationOptions>>(validation);
        services.AddSingleton<IValidateOptions<AccessOptions>>(validation);
        services.AddSingleton<IValidateOptions<DeviceLinkOptions>>(validation);
        services.AddSingleton<IValidateOptions<SmsOptions>>(validation);
        services.AddSingleton<IValidateOptions<TextOptions>>(validation);
    }

    private static void AddSms(IServiceCollection services, IConfiguration configuration, bool development)
    {
        var codesAreFree = development && string.IsNullOrEmpty(configuration["Sms:WebhookUrl"]);
        services.AddOptions<TextOptions>()
            .Configure(texts =>
            {
                if (codesAreFree)
                    texts.PerHour = texts.PerCountryAndHour = 0;
            })
            .Bind(configuration.GetSection("Sms")).ValidateOnStart();
        services.AddOptions<SmsOptions>().Bind(configuration.GetSection("Sms")).ValidateOnStart();
        if (string.IsNullOrEmpty(configuration["Sms:WebhookUrl"]))
        {
            services.AddSingleton<ISmsSender, ConsoleSmsSender>();
            return;
        }

        services.AddSingleton<ISmsSender>(provider =>
            ActivatorUtilities.CreateInstance<WebhookSmsSender>(provider, CreateGatewayClient()));
    }

    /// <summary>One client for the process. New connections resolve the gateway's name again.</summary>
    private static HttpClient CreateGatewayClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = GatewayConnectionLifetime,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan, // WebhookSmsSender limits each attempt.
    };
}
