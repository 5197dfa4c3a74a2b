using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>Registers the services of exports.</summary>
public static class ExportServices
{
    public static IServiceCollection AddExportUseCases(this IServiceCollection services) => services
        .AddSingleton<AccessLines>()
        .AddSingleton<ExportFiles>()
        .AddSingleton<ReadableEvents>()
        .AddSingleton<ConversationExport>()
        .AddSingleton<ExportArchive>();
}
