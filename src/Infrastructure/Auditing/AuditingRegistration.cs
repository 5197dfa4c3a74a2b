using ChatCqrs.Application.Auditing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Auditing;

public static class AuditingRegistration
{
    /// <summary>Adds the audit: who looks at what, and within which bounds.</summary>
    public static IServiceCollection AddAuditing(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<AuditOptions>().Bind(configuration.GetSection("Audit"))
            .Validate(
                options => options.Approval is AuditOptions.FourEyes or AuditOptions.None,
                $"Audit:Approval must be {AuditOptions.FourEyes} or {AuditOptions.None}.")
            .ValidateOnStart();
        return services.AddAuditUseCases();
    }
}
