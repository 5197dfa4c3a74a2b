using ChatCqrs.Application.Holds;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Application.Auditing;

/// <summary>Registers the services of the audit's use cases.</summary>
public static class AuditServices
{
    public static IServiceCollection AddAuditUseCases(this IServiceCollection services) => services
        .AddSingleton<AuditWriter>()
        .AddSingleton<CutLog>()
        .AddSingleton<IAccessLog, AccessLog>()
        .AddSingleton<IMatters, Matters>()
        .AddSingleton<Keeping>()
        .AddSingleton<Shredding>()
        .AddSingleton<HoldEnds>()
        .AddSingleton<IAuditedContent, AuditedContent>()
        .AddHostedService<RecordRoles>();
}
