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
    /// Adds the content sealer, with its secrets in PostgreSQL (see <c>AddPostgres</c>). Production configures its
    /// master keys; Development creates one in its data folder.
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
