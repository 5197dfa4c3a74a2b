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

    /// <summary>Sealed content. Production must bring its master key; Development makes one in its data folder.</summary>
    public static IServiceCollection AddSealing(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment, string dataFolder)
    {
        var options = services.AddOptions<SealingOptions>().Bind(configuration.GetSection("Sealing"));
        if (environment.IsDevelopment() && !configuration.GetSection("Sealing:MasterKeys").GetChildren().Any())
        {
            options.Configure(sealing =>
            {
                foreach (var (id, key) in MasterKeyFile.LoadOrCreate(Path.Combine(dataFolder, DevelopmentKeyFile)))
                    sealing.MasterKeys[id] = key;
            });
        }

        options.ValidateOnStart();
        services.AddSingleton<IValidateOptions<SealingOptions>, SealingOptions.Validator>();
        services.ConfigureMarten(options => options.Schema.For<Secret>().Identity(secret => secret.Id).DocumentAlias("secrets"));
        return services
            .AddSingleton<Secrets>()
            .AddSingleton<IContentSealer, ContentSealer>();
    }
}
