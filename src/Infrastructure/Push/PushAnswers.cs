using System.Net;
using System.Net.Http.Headers;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>What all push services have in common in how they answer.</summary>
internal static class PushAnswers
{
    /// <summary>Asks, and turns what is wrong with the way into an outcome.</summary>
    /// <param name="judge">What an answer that is neither success nor trouble of the service's means.</param>
    public static async Task<PushOutcome> AskAsync(
        HttpClient http, HttpRequestMessage request, TimeProvider clock, Func<HttpResponseMessage, Task<PushOutcome>> judge, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            var status = (int)response.StatusCode;
            return response.IsSuccessStatusCode ? new PushOutcome.Delivered()
                : response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || status >= 500
                    ? new PushOutcome.Later(WaitOf(response.Headers.RetryAfter, clock.GetUtcNow()), $"status {status}")
                : await judge(response);
        }
        catch (HttpRequestException exception)
        {
            return exception.InnerException is ClosedAddressException closed
                ? new PushOutcome.Refused(closed.Message)
                : new PushOutcome.Later(null, exception.HttpRequestError.ToString());
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new PushOutcome.Later(null, "timeout");
        }
    }

    private static TimeSpan? WaitOf(RetryConditionHeaderValue? header, DateTimeOffset now) =>
        header?.Delta ?? (header?.Date is { } date ? date > now ? date - now : TimeSpan.Zero : null);
}
