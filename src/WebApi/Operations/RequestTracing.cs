using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;

namespace ChatCqrs.WebApi.Operations;

/// <summary>
/// Starts a trace for every REST request, or joins the caller's (W3C Trace Context), and measures its duration. Sockets
/// leave the pipeline before it; the framework's own activity would live as long as a socket.
/// </summary>
internal sealed class RequestTracing(RequestDelegate next)
{
    private const string Unnamed = "HTTP";

    private static readonly Histogram<double> Duration = Telemetry.Meter.CreateHistogram<double>(
        "http.server.request.duration", "s",
        "From a request's arrival until its answer (OpenTelemetry semantic conventions for HTTP).");

    public async Task InvokeAsync(HttpContext context)
    {
        var started = Stopwatch.GetTimestamp();
        using var activity = Start(context.Request.Headers);
        try
        {
            await next(context);
        }
        finally
        {
            var method = MethodOf(context.Request.Method);
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
            var status = context.Response.StatusCode;
            if (activity.IsAllDataRequested)
                Describe(activity, method, route, status);
            Duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, new TagList
            {
                { "http.request.method", method }, { "http.route", route }, { "http.response.status_code", status },
            });
        }
    }

    /// <summary>Without a listener the activity is only a trace id, for problems and events.</summary>
    private static Activity Start(IHeaderDictionary headers)
    {
        ActivityContext.TryParse(headers.TraceParent, headers.TraceState, isRemote: true, out var parent);
        if (Telemetry.Source.StartActivity(Unnamed, ActivityKind.Server, parent) is { } traced)
            return traced;
        var activity = new Activity(Unnamed);
        if (parent != default)
            activity.SetParentId(parent.TraceId, parent.SpanId, parent.TraceFlags);
        return activity.Start();
    }

    private static void Describe(Activity activity, string method, string? route, int status)
    {
        activity.DisplayName = $"{method} {route}".TrimEnd();
        activity.SetTag("http.request.method", method).SetTag("http.route", route)
            .SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError)
            activity.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>Replaces unknown methods as the conventions say, so that callers cannot create metric series.</summary>
    internal static string MethodOf(string method) =>
        method is "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS" ? method : "_OTHER";
}
