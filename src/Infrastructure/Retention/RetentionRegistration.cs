using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Infrastructure.Scheduling;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Retention;

public static class RetentionRegistration
{
    /// <summary>What is due to go, and the clock that lets it go.</summary>
    public static IServiceCollection AddRetention(this IServiceCollection services)
    {
        services.AddSingleton<IExpiry, PostgresExpiry>();
        return services.AddRecurring(
            "sweep-messages", provider => provider.GetRequiredService<IOptions<RetentionOptions>>().Value.SweepEvery, () => new SweepMessages.Command());
    }
}
