using ChatCqrs.Application.Ports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

public static class RedisRegistration
{
    /// <summary>Joins the nodes by Redis; without a connection string there is one node.</summary>
    /// <param name="connectionString">StackExchange.Redis's form, such as <c>127.0.0.1:6379</c>; null or empty for none.</param>
    public static IServiceCollection AddNodeBus(this IServiceCollection services, string? connectionString)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
            return services.AddSingleton<INodeBus, NoNodeBus>();

        var options = ConfigurationOptions.Parse(connectionString);
        options.AbortOnConnectFail = false;
        options.ClientName = "chatcqrs";
        return services
            .AddSingleton(_ => ConnectionMultiplexer.Connect(options))
            .AddSingleton(provider => new RedisNodeBus(
                provider.GetRequiredService<ConnectionMultiplexer>(), provider.GetRequiredService<INodeBusReceiver>,
                provider.GetRequiredService<ILogger<RedisNodeBus>>()))
            .AddSingleton<INodeBus>(provider => provider.GetRequiredService<RedisNodeBus>())
            .AddHostedService(provider => provider.GetRequiredService<RedisNodeBus>());
    }
}
