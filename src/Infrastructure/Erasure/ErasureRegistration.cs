using ChatCqrs.Application.Erasure;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Scheduling;
using ChatCqrs.Infrastructure.Sealing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Erasure;

public static class ErasureRegistration
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>Adds erasures of accounts, and the recurring command that finishes interrupted ones.</summary>
    public static IServiceCollection AddErasure(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ErasureOptions>().Bind(configuration.GetSection("Erasure"))
            .Validate(
                options => options.SweepEvery >= TimeSpan.FromSeconds(1) && options.SweepEvery <= Day,
                "Erasure:SweepEvery must be 00:00:01 to 1.00:00:00.")
            .Validate(
                options => options.SettleAfter > ContentSealer.KeyLifetime && options.SettleAfter <= Day,
                "Erasure:SettleAfter must be 00:01:01 to 1.00:00:00.")
            .ValidateOnStart();
        services.AddSingleton<IErasures, PostgresErasures>();
        services.AddRecurring(
            "finish-erasures",
            provider => provider.GetRequiredService<IOptions<ErasureOptions>>().Value.SweepEvery,
            () => new FinishErasures.Command());
        return services.AddErasureSteps();
    }
}
