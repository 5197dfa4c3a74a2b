using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Sms;

/// <summary>
/// Sends text messages to the operator's gateway: <c>POST {"to", "code", "text"}</c> with <c>Idempotency-Key</c>, the
/// registration's id, and <c>Chat-Signature: t=[unix seconds],v1=[hex]</c>, HMAC-SHA256 over "t.body". Any 2xx is
/// success; a timeout, 408, 429 and 5xx are retried.
/// </summary>
internal sealed class WebhookSmsSender(
    HttpClient http, IOptions<SmsOptions> options, TimeProvider clock, ILogger<WebhookSmsSender> logger)
    : ISmsSender
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(250);

    public async Task SendCodeAsync(Guid registration, string phone, string code, CancellationToken cancellationToken)
    {
        var text = options.Value.Text.Replace("{code}", code, StringComparison.Ordinal);
        var body = JsonSerializer.SerializeToUtf8Bytes(new { to = phone, code, text });
        for (var attempt = 1; ; attempt++)
        {
            var reason = await TryAsync(registration, body, cancellationToken);
            if (reason is not { } failure)
                return;
            if (failure.Final || attempt >= options.Value.Attempts)
            {
                logger.LogError(
                    "The SMS gateway did not take the code of registration {Registration}: {Reason}",
                    registration, failure.Text);
                throw new RefusedException(Refusal.SmsUnavailable);
            }

            await Task.Delay(RetryAfter * attempt, clock, cancellationToken);
        }
    }

    /// <returns>Null on success; otherwise the reason, and whether a retry is useless.</returns>
    private async Task<(string Text, bool Final)?> TryAsync(
        Guid registration, byte[] body, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromSeconds(options.Value.TimeoutSeconds));
        try
        {
            using var request = Request(registration, body);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
            var status = (int)response.StatusCode;
            return response.IsSuccessStatusCode ? null : ($"status {status}", status is not (408 or 429 or >= 500));
        }
        catch (HttpRequestException exception)
        {
            return (exception.HttpRequestError.ToString(), false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return ("timeout", false);
        }
    }

    private HttpRequestMessage Request(Guid registration, byte[] body)
    {
        var time = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        byte[] signed = [.. Encoding.UTF8.GetBytes(time + "."), .. body];
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(options.Value.WebhookSecret!), signed);
        var request = new HttpRequestMessage(HttpMethod.Post, options.Value.WebhookUrl);
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Idempotency-Key", registration.ToString());
        request.Headers.Add("Chat-Signature", $"t={time},v1={Convert.ToHexStringLower(signature)}");
        return request;
    }
}
