using ChatCqrs.Application;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Erasure;
using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Media;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Infrastructure.Redis;
using ChatCqrs.Infrastructure.Retention;
using ChatCqrs.Infrastructure.Scheduling;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Accounts;
using ChatCqrs.WebApi.Auditing;
using ChatCqrs.WebApi.Conversations;
using ChatCqrs.WebApi.Hosting;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Media;
using ChatCqrs.WebApi.Messages;
using ChatCqrs.WebApi.OpenApi;
using ChatCqrs.WebApi.Operations;
using ChatCqrs.WebApi.Push;
using ChatCqrs.WebApi.RateLimits;
using ChatCqrs.WebApi.Realtime;

/// <summary>Composes the server and its request pipeline.</summary>
public partial class Program
{
    public static Task<int> Main(string[] args) => args is [LogMoveCommand.Name, .. var settings]
        ? Startup.RunAsync(() => Build(settings), app => LogMoveCommand.RunAsync(app.Services))
        : Startup.RunAsync(() => Build(args));

    public static WebApplication Build(string[] args)
    {
        var builder = Settings.CreateBuilder(args);
        var settings = builder.Configuration;
        builder.AddHosting().AddHttpConventions().AddAccessControl().AddRateLimits()
            .AddTelemetry().AddHealth().AddServerInformation().AddOpenApiDocument();
        builder.Services
            .AddPostgres(settings.Required("ConnectionStrings:Postgres"))
            .AddMartenStore()
            .AddEventLog(settings.GetConnectionString("EventStore"))
            .AddEventCodec()
            .AddSealing(settings, builder.Environment, settings.Required("DataFolder"))
            .AddReadModels()
            .AddAccounts(settings, builder.Environment, settings.Required("DataFolder"))
            .AddMedia(settings, settings.Required("DataFolder"))
            .AddVerifiableLogs(settings, builder.Environment, settings.Required("DataFolder"))
            .AddRetention()
            .AddErasure(settings)
            .AddAuditing(settings)
            .AddScheduling()
            .AddPush(settings, builder.Environment, settings.Required("DataFolder"))
            .AddNodeBus(settings.GetConnectionString("Redis"))
            .AddApplicationSettings(settings)
            .AddApplication()
            .AddRealtime();

        var app = builder.Build();
        app.UseClientAddresses();
        app.UseSecurityHeaders();
        app.UseRealtime(); // Early, so that an open socket keeps nothing of the later middleware alive.
        app.UseMiddleware<RequestTracing>();
        app.UseOrigins();
        app.UseProblems();
        app.UseTus();
        app.UseRouting();
        app.UseBodyLimits();
        app.UseDashboardSignIn();
        app.UseAuthentication();
        app.UseRateLimits();
        app.UseAuthorization();
        app.UseOpenApiDocument();

        var all = app.MapGroup("").WithHead();
        all.MapServer();
        all.MapHealth();
        all.MapMetrics();
        all.MapAsyncApiDocument();
        all.MapDashboardSignIn();
        all.MapAuditPage();
        all.MapJobDashboard().RequireAuthorization(RoleNames.Admin);
        var api = all.MapGroup("").WithPositions();
        api.MapAccounts();
        api.MapDeviceLinks();
        api.MapPeople();
        api.MapConversations();
        api.MapMessages();
        api.MapMedia();
        api.MapPush();
        api.MapAuditMatters();
        api.MapAuditExports();
        api.MapAdministration();
        api.MapAuditReading();
        api.MapAuditLog();
        all.MapKeySet();
        return app;
    }
}
