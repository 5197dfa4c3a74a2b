using System.Net.Http.Headers;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>Maps responses of push services to outcomes.</summary>
internal static class PushAnswers
{
    /// <summary>Sends a request. Network errors, timeouts, 408, 429 and 5xx may pass: a later attempt is due.</summary>
    /// <param name="judge">Maps other unsuccessful responses to outcomes.</param>
    public static async Task<PushOutcome> AskAsync(
        HttpClient http, HttpRequestMessage request, TimeProvider clock,
        Func<HttpResponseMessage, CancellationToken, Task<PushOutcome>> judge, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.IsSuccessStatusCode)
                return new PushOutcome.Delivered();
            var status = (int)response.StatusCode;
            return status is 408 or 429 or >= 500
                ? new PushOutcome.Later(WaitOf(response.Headers.RetryAfter, clock.GetUtcNow()), $"status {status}")
                : await judge(response, cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            return exception.InnerException switch
            {
                ClosedAddressException closed => new PushOutcome.Refused(closed.Message),
                NameUnresolvedException unresolved => new PushOutcome.Later(null, unresolved.Message),
                _ => new PushOutcome.Later(null, exception.HttpRequestError.ToString()),
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new PushOutcome.Later(null, "timeout");
        }
    }

    private static TimeSpan? WaitOf(RetryConditionHeaderValue? header, DateTimeOffset now) =>
        header?.Delta ?? (header?.Date is { } date ? date > now ? date - now : TimeSpan.Zero : null);
}
