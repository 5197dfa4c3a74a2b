using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>Web Push (RFC 8030): sends encrypted messages to browsers' push services.</summary>
internal sealed class WebPushSender(
    HttpClient http, VapidKey vapid, IOptions<PushOptions> options, TimeProvider clock) : IPushSender
{
    /// <summary>A later wake-up replaces one that the service still holds (RFC 8030, section 5.4).</summary>
    private const string Topic = "wake";

    public string Platform => PushPlatforms.WebPush;

    public bool IsReady => vapid.PublicKey is not null;

    public async Task<PushOutcome> SendAsync(
        PushTarget target, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var endpoint = new Uri(target.Endpoint!);
        if (vapid.HeaderFor(endpoint) is not { } authorization)
            return new PushOutcome.Refused("this server has no key for Web Push");
        var body = WebPushEncryption.Encrypt(
            payload.Span, PushTarget.Decode(target.P256dh)!, PushTarget.Decode(target.Auth)!);
        var timeToLive = (long)options.Value.TimeToLive.TotalSeconds;
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        request.Content.Headers.ContentEncoding.Add(WebPushEncryption.Coding);
        request.Headers.Authorization = authorization;
        request.Headers.Add("TTL", timeToLive.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("Urgency", "high");
        request.Headers.Add("Topic", Topic);
        return await PushAnswers.AskAsync(http, request, clock, Judge, cancellationToken);
    }

    private static Task<PushOutcome> Judge(HttpResponseMessage response, CancellationToken _) =>
        Task.FromResult<PushOutcome>(
            response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone
                ? new PushOutcome.Gone()
                : new PushOutcome.Refused($"status {(int)response.StatusCode}"));
}
