using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Scheduling;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Auditing;

public static class AuditingRegistration
{
    /// <summary>How often the log notes that matters have ended.</summary>
    private static readonly TimeSpan EndMattersEvery = TimeSpan.FromMinutes(1);

    /// <summary>How often holds that were left half ended are looked for.</summary>
    private static readonly TimeSpan TendHoldsEvery = TimeSpan.FromMinutes(1);

    /// <summary>Adds the audit: who looks at what, and within which bounds.</summary>
    public static IServiceCollection AddAuditing(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<AuditOptions>().Bind(configuration.GetSection("Audit"))
            .Validate(
                options => options.Approval is AuditOptions.FourEyes or AuditOptions.None,
                $"Audit:Approval must be {AuditOptions.FourEyes} or {AuditOptions.None}.")
            .Validate(
                options => options.ExportsKept >= TimeSpan.FromMinutes(1)
                    && options.ExportsKept <= TimeSpan.FromDays(90),
                "Audit:ExportsKept must be 00:01:00 to 90.00:00:00.")
            .Validate(
                options => options.ExportSweepEvery >= TimeSpan.FromSeconds(1)
                    && options.ExportSweepEvery <= TimeSpan.FromDays(1),
                "Audit:ExportSweepEvery must be 00:00:01 to 1.00:00:00.")
            .ValidateOnStart();
        services.ConfigureMarten(HeldSchema.Register);
        services.AddSingleton<IHeld, PostgresHeld>();
        services.AddRecurring("tend-holds", _ => TendHoldsEvery, () => new TendHolds.Command());
        services.AddRecurring("end-matters", _ => EndMattersEvery, () => new EndMatters.Command());
        services.AddExports();
        return services.AddAuditUseCases();
    }
}
