using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Infrastructure.Presence;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

public static class RedisRegistration
{
    /// <summary>Connects the nodes through Redis, for live delivery and presence.</summary>
    /// <param name="connectionString">
    /// In StackExchange.Redis's form, such as <c>127.0.0.1:6379</c>; null or empty for a single node.
    /// </param>
    public static IServiceCollection AddNodeBus(this IServiceCollection services, string? connectionString)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            return services.AddSingleton<INodeBus, NoNodeBus>().AddSingleton<IPresence>(provider =>
                new LocalPresence(
                    provider.GetRequiredService<INodeBusReceiver>, provider.GetRequiredService<TimeProvider>()));
        }

        var options = ConfigurationOptions.Parse(connectionString);
        options.AbortOnConnectFail = false;
        options.ClientName = "chatcqrs";
        return services
            .AddSingleton(_ => ConnectionMultiplexer.Connect(options))
            .AddSingleton(provider => new RedisNodeBus(
                provider.GetRequiredService<ConnectionMultiplexer>(), provider.GetRequiredService<INodeBusReceiver>,
                provider.GetRequiredService<ILogger<RedisNodeBus>>()))
            .AddSingleton<INodeBus>(provider => provider.GetRequiredService<RedisNodeBus>())
            .AddHostedService(provider => provider.GetRequiredService<RedisNodeBus>())
            .AddSingleton(provider => new RedisPresence(
                provider.GetRequiredService<ConnectionMultiplexer>(), provider.GetRequiredService<INodeBusReceiver>,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<IOptions<PresenceOptions>>().Value,
                provider.GetRequiredService<ILogger<RedisPresence>>()))
            .AddSingleton<IPresence>(provider => provider.GetRequiredService<RedisPresence>())
            .AddHostedService(provider => provider.GetRequiredService<RedisPresence>());
    }
}
