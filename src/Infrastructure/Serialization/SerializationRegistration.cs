using ChatCqrs.Application.Ports;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Serialization;

public static class SerializationRegistration
{
    /// <summary>Events as bytes in the log.</summary>
    public static IServiceCollection AddEventCodec(this IServiceCollection services) => services.AddSingleton<IEventCodec, EventCodec>();
}
