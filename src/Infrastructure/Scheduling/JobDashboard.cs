using Hangfire;
using Hangfire.Dashboard;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Infrastructure.Scheduling;

/// <summary>Hangfire's dashboard at <c>/hangfire</c>. The endpoint's authorisation policy controls access.</summary>
public static class JobDashboard
{
    private const string Root = "/hangfire";

    public static IEndpointConventionBuilder MapJobDashboard(this IEndpointRouteBuilder app)
    {
        // Lazy: creating the storage connects to PostgreSQL.
        var dashboard = new Lazy<AspNetCoreDashboardMiddleware>(() => new AspNetCoreDashboardMiddleware(
            NotFoundAsync, app.ServiceProvider.GetRequiredService<JobStorage>(),
            new DashboardOptions
            {
                Authorization = [],
                AsyncAuthorization = [],
                AppPath = null,
                DisplayStorageConnectionString = false,
                DashboardTitle = "ChatCqrs",
            },
            DashboardRoutes.Routes));
        return app.Map(Root + "/{**page}", context =>
        {
            context.Request.PathBase = context.Request.PathBase.Add(Root);
            context.Request.Path = context.Request.Path.Value![Root.Length..];
            return dashboard.Value.Invoke(context);
        }).ExcludeFromDescription();
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
