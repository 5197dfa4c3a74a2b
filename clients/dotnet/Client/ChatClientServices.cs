using ChatCqrs.Client;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers a <see cref="ChatClient"/>.</summary>
public static class ChatClientServices
{
    /// <summary>
    /// Adds one <see cref="ChatClient"/> for the whole program, with the container's logger and clock where the options
    /// name none. The container closes it.
    /// </summary>
    public static IServiceCollection AddChatClient(
        this IServiceCollection services, Action<ChatClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.TryAddSingleton(provider =>
        {
            var options = new ChatClientOptions();
            if (provider.GetService<TimeProvider>() is { } time)
                options.TimeProvider = time;
            configure(options);
            options.Logger ??= provider.GetService<ILoggerFactory>()?.CreateLogger<ChatClient>();
            return new ChatClient(options);
        });
        return services;
    }
}
