using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Infrastructure.Scheduling;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Retention;

public static class RetentionRegistration
{
    /// <summary>Adds the queries for due messages, and the recurring sweep that expires them.</summary>
    public static IServiceCollection AddRetention(this IServiceCollection services)
    {
        services.AddSingleton<IExpiry, PostgresExpiry>();
        return services.AddRecurring(
            "sweep-messages",
            provider => provider.GetRequiredService<IOptions<RetentionOptions>>().Value.SweepEvery,
            () => new SweepMessages.Command());
    }
}
