using Hangfire;
using Hangfire.Dashboard;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
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
        return app.Map(Root + "/{**page}", async context =>
        {
            await ReadFormAsync(context);
            context.Request.PathBase = context.Request.PathBase.Add(Root);
            context.Request.Path = context.Request.Path.Value![Root.Length..];
            await dashboard.Value.Invoke(context);
        }).ExcludeFromDescription();
    }

    /// <summary>
    /// Reads the form of a command, so that Hangfire finds it read: it would throw at a malformed one, and at none.
    /// </summary>
    /// <exception cref="BadHttpRequestException">The form is malformed.</exception>
    private static async Task ReadFormAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType)
        {
            context.Features.Set<IFormFeature>(new FormFeature(FormCollection.Empty));
            return;
        }

        try
        {
            await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception exception)
            when (exception is InvalidDataException || exception.GetType() == typeof(IOException))
        {
            throw new BadHttpRequestException("The form is not well-formed.", exception);
        }
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
