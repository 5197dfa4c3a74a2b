using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Apple's push service over HTTP/2, with provider tokens (Apple, "Establishing a token-based connection to APNs" and
/// "Sending notification requests to APNs"). Sends background notifications: the application decides what to show.
/// </summary>
internal sealed class ApnsSender(
    HttpClient http, IOptions<PushSettings> settings, IOptions<PushOptions> options, TimeProvider clock) : IPushSender
{
    /// <summary>APNs demands renewal within 60 minutes, and at most every 20 minutes.</summary>
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(50);

    private readonly ECDsa? _key = settings.Value.Apns is { } apns
        ? PushKeys.Parse(File.ReadAllText(apns.KeyFile), "Push:Apns:KeyFile")
        : null;
    private readonly Lock _signing = new();
    private (string Text, DateTimeOffset At) _token = ("", DateTimeOffset.MinValue);

    public string Platform => PushPlatforms.Apns;

    public bool IsReady => _key is not null;

    public async Task<PushOutcome> SendAsync(
        PushTarget target, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        if (_key is null)
            return new PushOutcome.Refused("this server has no key for APNs");
        using var request = Request(target, payload);
        return await PushAnswers.AskAsync(http, request, clock, JudgeAsync, cancellationToken);
    }

    private HttpRequestMessage Request(PushTarget target, ReadOnlyMemory<byte> payload)
    {
        var body = new JsonObject { ["aps"] = new JsonObject { ["content-available"] = 1 } };
        foreach (var member in JsonNode.Parse(payload.Span)!.AsObject())
            body[member.Key] = member.Value!.DeepClone();
        var path = $"/3/device/{Uri.EscapeDataString(target.Token!)}";
        var expiresAt = (clock.GetUtcNow() + options.Value.TimeToLive).ToUnixTimeSeconds();
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(settings.Value.Apns!.Endpoint, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body)),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("bearer", Token());
        request.Headers.Add("apns-topic", target.Topic);
        request.Headers.Add("apns-push-type", "background");
        request.Headers.Add("apns-priority", "5"); // Required for background notifications.
        request.Headers.Add("apns-collapse-id", "wake");
        request.Headers.Add("apns-expiration", expiresAt.ToString(CultureInfo.InvariantCulture));
        return request;
    }

    private async Task<PushOutcome> JudgeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var reason = ReasonOf(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        if (reason is "ExpiredProviderToken")
        {
            lock (_signing)
                _token = ("", DateTimeOffset.MinValue);
            return new PushOutcome.Later(null, reason);
        }

        return response.StatusCode is HttpStatusCode.Gone or HttpStatusCode.NotFound
            || reason is "BadDeviceToken" or "Unregistered" or "DeviceTokenNotForTopic"
            ? new PushOutcome.Gone()
            : new PushOutcome.Refused($"status {(int)response.StatusCode} {reason}");
    }

    private static string? ReasonOf(byte[] body)
    {
        try
        {
            return JsonNode.Parse(body)?["reason"]?.GetValue<string>();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private string Token()
    {
        lock (_signing)
        {
            var now = clock.GetUtcNow();
            if (now - _token.At > TokenLifetime)
            {
                var apns = settings.Value.Apns!;
                var header = new { alg = "ES256", kid = apns.KeyId };
                var claims = new { iss = apns.TeamId, iat = now.ToUnixTimeSeconds() };
                _token = (SignedToken.Of(_key!, header, claims), now);
            }

            return _token.Text;
        }
    }
}
