using ChatCqrs.Application.Ports;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sealing;

public static class SealingRegistration
{
    private const string DevelopmentKeyFile = "master-keys.json";

    /// <summary>
    /// Sealed content, with its secrets in PostgreSQL (see <c>AddMartenStore</c>). Production must bring its master keys, in the configuration or in a file;
    /// Development makes one in its data folder.
    /// </summary>
    public static IServiceCollection AddSealing(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment, string dataFolder)
    {
        var developmentFile = environment.IsDevelopment() ? Path.Combine(dataFolder, DevelopmentKeyFile) : null;
        services.AddOptions<SealingOptions>().Bind(configuration.GetSection("Sealing")).ValidateOnStart();
        services.ConfigureMarten(SecretSchema.Register);
        return services
            .AddSingleton<IPostConfigureOptions<SealingOptions>>(new MasterKeyFile(developmentFile))
            .AddSingleton<IValidateOptions<SealingOptions>, SealingOptions.Validator>()
            .AddSingleton<Secrets>()
            .AddHostedService<RewrapSecrets>()
            .AddSingleton<ContentSealer>()
            .AddSingleton<IContentSealer>(provider => provider.GetRequiredService<ContentSealer>());
    }
}
