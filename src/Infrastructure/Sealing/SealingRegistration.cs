using ChatCqrs.Application.Ports;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sealing;

public static class SealingRegistration
{
    public static IServiceCollection AddSealing(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<SealingOptions>().Bind(configuration.GetSection("Sealing")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<SealingOptions>, SealingOptions.Validator>();
        services.ConfigureMarten(options => options.Schema.For<Secret>().Identity(secret => secret.Id).DocumentAlias("secrets"));
        return services
            .AddSingleton<Secrets>()
            .AddSingleton<IContentSealer, ContentSealer>();
    }
}
