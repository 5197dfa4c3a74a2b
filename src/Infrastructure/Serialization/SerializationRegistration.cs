using ChatCqrs.Application.Ports;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Serialization;

public static class SerializationRegistration
{
    /// <summary>Adds the codec of the log's events.</summary>
    public static IServiceCollection AddEventCodec(this IServiceCollection services) =>
        services.AddSingleton<IEventCodec, EventCodec>();
}
