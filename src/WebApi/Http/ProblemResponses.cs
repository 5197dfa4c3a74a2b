using System.Globalization;

namespace ChatCqrs.WebApi.Http;

/// <summary>Problems as HTTP answers.</summary>
public static class ProblemResponses
{
    /// <summary>Answers with a problem; headers that are set already stay.</summary>
    public static async Task WriteProblemAsync(this HttpResponse response, Problem problem)
    {
        var bytes = problem.ToBytes();
        response.StatusCode = problem.Status;
        response.ContentType = Problem.MediaType;
        response.ContentLength = bytes.Length;
        if (problem.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        if (problem.Status == StatusCodes.Status401Unauthorized && response.Headers.WWWAuthenticate.Count == 0)
            response.Headers.WWWAuthenticate = "Bearer";
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method))
            await response.Body.WriteAsync(bytes);
    }
}

/// <summary>
/// Turns everything that goes wrong further in into a problem: exceptions, and answers that are nothing but an error's status.
/// </summary>
internal sealed class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    private const int ClientClosedRequest = 499;

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (context.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or IOException)
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
        if (response is { HasStarted: false, StatusCode: >= 400, ContentType: null } && response.ContentLength is null or 0)
            await response.WriteProblemAsync(Problems.OfStatus(response.StatusCode));
    }

    private async Task AnswerAsync(HttpContext context, Problem problem, Exception exception)
    {
        if (problem.Status == StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "{Method} {Route} failed.", context.Request.Method, RouteOf(context));
        else if (problem.Status >= StatusCodes.Status500InternalServerError)
            logger.LogWarning("{Method} {Route} was refused: {Reason}", context.Request.Method, RouteOf(context), exception.Message);
        context.Response.Headers.ContentEncoding = default;
        await context.Response.WriteProblemAsync(problem);
    }

    private static string RouteOf(HttpContext context) => (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(no route)";
}
