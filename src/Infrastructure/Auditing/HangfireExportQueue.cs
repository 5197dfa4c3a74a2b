using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Scheduling;
using Hangfire;
using Marten;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Exports as Hangfire jobs.</summary>
internal sealed class HangfireExportQueue(IServiceProvider services, BlockingCalls blocking) : IExportQueue
{
    public Task AddAsync(Guid export) => blocking.RunAsync(() => PostgresErrors.Guard(() =>
        services.GetRequiredService<IBackgroundJobClient>()
            .Enqueue<ExportJob>(job => job.RunAsync(export, CancellationToken.None))));
}

/// <summary>
/// The Hangfire job of an export. An advisory lock, which ends with its session, admits one run of an export over all
/// nodes; another job of the same export then ends at once. A killed node's job is taken over after some seconds.
/// </summary>
internal sealed class ExportJob(IMediator mediator, NpgsqlDataSource database)
{
    [AutomaticRetry(Attempts = RunExport.RunsMax, DelaysInSeconds = new[] { 5, 30, 120 })]
    [Queue(SchedulingRegistration.ExportQueue)]
    public async Task RunAsync(Guid export, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenConnectionAsync(cancellationToken);
        if (!await CallAsync(session, "pg_try_advisory_lock", export))
            return;
        var scratch = Directory.CreateTempSubdirectory("chatcqrs-export-").FullName; // Nobody else may read it.
        try
        {
            await mediator.Send(new RunExport.Command(export, scratch), cancellationToken);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
            await CallAsync(session, "pg_advisory_unlock", export);
        }
    }

    private static async Task<bool> CallAsync(NpgsqlConnection session, string function, Guid export)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT {function}(hashtext('audit-export'), hashtext($1::text))", session)
        {
            Parameters = { new() { Value = export } },
        };
        return await command.ExecuteScalarAsync(CancellationToken.None) is true;
    }
}

internal static class ExportRegistration
{
    public static IServiceCollection AddExports(this IServiceCollection services)
    {
        services.ConfigureMarten(ExportSchema.Register);
        services.AddSingleton<IAuditExports, PostgresAuditExports>();
        services.AddSingleton<IExportQueue, HangfireExportQueue>();
        services.AddSingleton<IExportEvidence, ExportEvidence>();
        services.AddSingleton<ExportJob>();
        services.AddExportUseCases();
        return services.AddRecurring(
            "sweep-exports",
            provider => provider.GetRequiredService<IOptions<AuditOptions>>().Value.ExportSweepEvery,
            () => new SweepExports.Command());
    }
}
