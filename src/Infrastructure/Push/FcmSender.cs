using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using Google.Apis.Auth.OAuth2;
using Google.Apis.Auth.OAuth2.Responses;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Firebase Cloud Messaging, HTTP v1 API, with access tokens of a service account. Sends data messages only: the
/// application decides what to show.
/// </summary>
internal sealed class FcmSender : IPushSender
{
    private const string Scope = "https://www.googleapis.com/auth/firebase.messaging";

    private readonly HttpClient _http;
    private readonly PushOptions _options;
    private readonly TimeProvider _clock;
    private readonly Uri? _address;
    private readonly ServiceAccountCredential? _account;

    public FcmSender(
        HttpClient http, IOptions<PushSettings> settings, IOptions<PushOptions> options, TimeProvider clock)
    {
        (_http, _options, _clock) = (http, options.Value, clock);
        if (settings.Value.Fcm is not { } fcm)
            return;
        var file = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(fcm.ServiceAccountFile));
        var (email, tokenUri) = (Text(file, "client_email"), Text(file, "token_uri"));
        var initializer = new ServiceAccountCredential.Initializer(email, tokenUri) { Scopes = [Scope] };
        _account = new ServiceAccountCredential(initializer.FromPrivateKey(Text(file, "private_key")));
        var project = Uri.EscapeDataString(Text(file, "project_id"));
        _address = new Uri(fcm.Endpoint, $"/v1/projects/{project}/messages:send");
    }

    public string Platform => PushPlatforms.Fcm;

    public bool IsReady => _account is not null;

    public async Task<PushOutcome> SendAsync(
        PushTarget target, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        if (_account is null)
            return new PushOutcome.Refused("this server has no service account for FCM");
        string token;
        try
        {
            token = await _account.GetAccessTokenForRequestAsync(cancellationToken: cancellationToken);
        }
        catch (Exception exception)
            when (exception is TokenResponseException or HttpRequestException or TaskCanceledException)
        {
            return new PushOutcome.Later(null, "no access token for FCM: " + exception.GetType().Name);
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, _address);
        request.Content = JsonContent.Create(Message(target, payload));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await PushAnswers.AskAsync(_http, request, _clock, JudgeAsync, cancellationToken);
    }

    /// <summary>The body of a <c>messages:send</c> request. Values of <c>data</c> must be strings.</summary>
    private object Message(PushTarget target, ReadOnlyMemory<byte> payload) => new
    {
        message = new
        {
            token = target.Token,
            data = JsonSerializer.Deserialize<JsonElement>(payload.Span).EnumerateObject()
                .ToDictionary(member => member.Name, member => member.Value.ToString()),
            android = new
            {
                priority = "high",
                collapse_key = "wake",
                ttl = ((long)_options.TimeToLive.TotalSeconds).ToString(CultureInfo.InvariantCulture) + "s",
            },
        },
    };

    /// <summary>Status 404 or error UNREGISTERED: the device no longer has the application.</summary>
    private static async Task<PushOutcome> JudgeAsync(
        HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound || body.Contains("UNREGISTERED", StringComparison.Ordinal))
            return new PushOutcome.Gone();
        return response.StatusCode == HttpStatusCode.Unauthorized
            ? new PushOutcome.Later(null, "status 401")
            : new PushOutcome.Refused($"status {(int)response.StatusCode}");
    }

    private static string Text(JsonElement file, string name) =>
        file.TryGetProperty(name, out var value) && value.GetString() is { Length: > 0 } text
            ? text
            : throw new InvalidOperationException($"The file of Push:Fcm:ServiceAccountFile has no {name}.");
}
