using System.Globalization;

namespace ChatCqrs.WebApi.Http;

/// <summary>Problems as HTTP answers.</summary>
public static class ProblemResponses
{
    /// <summary>Answers with a problem, and keeps the headers set so far.</summary>
    public static async Task WriteProblemAsync(this HttpResponse response, Problem problem)
    {
        var bytes = problem.ToBytes();
        response.StatusCode = problem.Status;
        response.ContentType = Problem.MediaType;
        response.ContentLength = bytes.Length;
        if (problem.RetryAfter is { } wait)
        {
            var seconds = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds));
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (problem.Status == StatusCodes.Status401Unauthorized && response.Headers.WWWAuthenticate.Count == 0)
            response.Headers.WWWAuthenticate = "Bearer";
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method))
            await response.Body.WriteAsync(bytes);
    }
}

/// <summary>
/// Turns the errors of all later middleware into problems: exceptions, and error statuses without a body.
/// </summary>
internal sealed class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    /// <summary>nginx's status for a client that went away; only metrics and traces see it.</summary>
    private const int ClientClosedRequest = 499;

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (context.RequestAborted.IsCancellationRequested
            && exception is OperationCanceledException or IOException)
        {
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
            return;
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, Problems.Of(exception), exception);
            return;
        }

        var response = context.Response;
        if (response is { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null or 0 })
            await response.WriteProblemAsync(Problems.OfStatus(response.StatusCode));
    }

    private async Task AnswerAsync(HttpContext context, Problem problem, Exception exception)
    {
        if (problem.Status == StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "{Method} {Route} failed.", context.Request.Method, RouteOf(context));
        else if (problem.Status >= StatusCodes.Status500InternalServerError)
        {
            logger.LogWarning(
                "{Method} {Route} was refused: {Reason}", context.Request.Method, RouteOf(context), exception.Message);
        }

        context.Response.Headers.ContentEncoding = default;
        await context.Response.WriteProblemAsync(problem);
    }

    private static string RouteOf(HttpContext context) =>
        (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(no route)";
}
