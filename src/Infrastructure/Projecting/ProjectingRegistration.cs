using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Queries;
using ChatCqrs.Infrastructure.ReadModels;
using JasperFx;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using Weasel.Core;

namespace ChatCqrs.Infrastructure.Projecting;

public static class ProjectingRegistration
{
    /// <summary>The read models, their runner, and the queries over them.</summary>
    public static IServiceCollection AddReadModels(this IServiceCollection services)
    {
        services.ConfigureMarten(ReadModelFactory.Register);
        services.ConfigureMarten(ReadModelFunctions.Register);
        services.ConfigureMarten(LogStarts.Register);
        services.ConfigureMarten(SetAside.Register);
        services.TryAddSingleton<TracedAppends>();
        services.AddSingleton<ReadSide>();
        services.AddSingleton<IReadSide>(provider => provider.GetRequiredService<ReadSide>());
        services.AddSingleton<RunnerState>();
        services.TryAddSingleton(
            provider => new ReadModelDatabase(provider.GetRequiredService<NpgsqlConnectionStringBuilder>()));
        services.AddSingleton<Func<string, IDocumentStore>>(
            provider => schema => ShadowStore(provider.GetRequiredService<NpgsqlDataSource>(), schema));
        services.AddSingleton<Rebuilder>();
        services.AddSingleton<IProjections, ProjectionControl>();
        services.AddSingleton<ITimeline, TimelineQueries>();
        services.AddSingleton<IAuditTimeline, AuditTimelineQueries>();
        services.AddSingleton<IInbox, InboxQueries>();
        services.AddSingleton<IReceipts, ReceiptQueries>();
        services.AddSingleton<IDirectory, DirectoryQueries>();
        services.AddSingleton<ISentMessages, SentMessageQueries>();
        services.AddSingleton<ISnapshots, SnapshotQueries>();
        services.AddSingleton<IAuditViews, AuditQueries>();
        services.AddHostedService<ProjectionRunner>();
        services.AddHostedService<ReadSideWatch>();
        return services;
    }

    private static DocumentStore ShadowStore(NpgsqlDataSource database, string schema) => DocumentStore.For(options =>
    {
        options.DatabaseSchemaName = schema;
        options.AutoCreateSchemaObjects = AutoCreate.CreateOrUpdate;
        options.Connection(database);
        options.UseSystemTextJsonForSerialization(EnumStorage.AsString, Casing.SnakeCase);
        options.DisableNpgsqlLogging = true;
        ReadModelFactory.Register(options);
    });
}
