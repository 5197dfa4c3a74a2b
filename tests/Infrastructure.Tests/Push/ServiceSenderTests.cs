using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Web;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Tests.Push;

/// <summary>FCM and APNs, against stand-ins with the services' checks.</summary>
public sealed class ServiceSenderTests : IDisposable
{
    private static readonly byte[] Payload =
        """{"unread":3,"conversation_id":"5f0c1c1e-2a3b-8c4d-9e5f-60718293a4b5"}"""u8.ToArray();

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs-push").FullName;
    private readonly HttpClient _http = new();

    public void Dispose()
    {
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Fcm_gets_an_access_token_and_data_without_content()
    {
        using var rsa = RSA.Create(2048);
        await using var service = await FcmAsync(rsa);
        var settings = Settings(await FcmSettingsAsync(service, rsa));
        var sender = new FcmSender(_http, settings, Options.Create(new PushOptions()), TimeProvider.System);
        Task<PushOutcome> SendAsync(string token) =>
            sender.SendAsync(new PushTarget(null, null, null, token, null), Payload, CancellationToken.None);

        Assert.IsType<PushOutcome.Delivered>(await SendAsync("good"));
        Assert.IsType<PushOutcome.Gone>(await SendAsync("gone"));
        Assert.Equal(TimeSpan.FromSeconds(7), Assert.IsType<PushOutcome.Later>(await SendAsync("busy")).RetryAfter);
        Assert.IsType<PushOutcome.Refused>(await SendAsync("other-sender"));

        var request = service.To("/v1/projects/chat-test/messages:send")[0];
        var message = JsonSerializer.Deserialize<JsonElement>(request.Body).GetProperty("message");
        Assert.Equal("good", message.GetProperty("token").GetString());
        var data = message.GetProperty("data");
        Assert.Equal(["unread", "conversation_id"], data.EnumerateObject().Select(member => member.Name));
        Assert.All(data.EnumerateObject(), member => Assert.Equal(JsonValueKind.String, member.Value.ValueKind));
        Assert.False(message.TryGetProperty("notification", out _));
        Assert.Single(service.To("/token")); // The sender caches the token.
    }

    [Fact]
    public async Task Apns_gets_a_provider_token_over_HTTP_2_and_no_content()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var service = await PushService.StartAsync(HttpProtocols.Http2);
        service.Answer = (pushed, response) => AnswerAsApnsAsync(pushed, response, key);
        var file = Path.Combine(_folder, "AuthKey.p8");
        await File.WriteAllTextAsync(file, key.ExportPkcs8PrivateKeyPem());
        var settings = Settings(new PushSettings
        {
            Apns = new ApnsOptions
            {
                KeyFile = file,
                KeyId = "ABC123DEFG",
                TeamId = "DEF123GHIJ",
                Endpoint = service.Address,
            },
        });
        var sender = new ApnsSender(_http, settings, Options.Create(new PushOptions()), TimeProvider.System);
        Task<PushOutcome> SendAsync(string token, string topic = "org.example.chat") =>
            sender.SendAsync(new PushTarget(null, null, null, token, topic), Payload, CancellationToken.None);

        Assert.IsType<PushOutcome.Delivered>(await SendAsync("aaaa"));
        Assert.IsType<PushOutcome.Gone>(await SendAsync("bad0"));
        Assert.IsType<PushOutcome.Gone>(await SendAsync("0000"));
        Assert.Equal(TimeSpan.FromSeconds(9), Assert.IsType<PushOutcome.Later>(await SendAsync("429")).RetryAfter);
        Assert.IsType<PushOutcome.Refused>(await SendAsync("aaaa", "org.example.other"));

        var pushed = service.To("/3/device/aaaa")[0];
        Assert.Equal("HTTP/2", pushed.Protocol);
        var body = JsonSerializer.Deserialize<JsonElement>(pushed.Body);
        Assert.Equal(["aps", "unread", "conversation_id"], body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(1, body.GetProperty("aps").GetProperty("content-available").GetInt32());
        // APNs refuses tokens that change too often.
        Assert.Single(service.Requests.Select(request => request.Headers["authorization"]).Distinct());
    }

    [Fact]
    public async Task A_service_without_settings_wakes_nobody()
    {
        var options = Options.Create(new PushOptions());
        var target = new PushTarget(null, null, null, "token", "topic");

        IPushSender[] senders =
        [
            new FcmSender(_http, Settings(new()), options, TimeProvider.System),
            new ApnsSender(_http, Settings(new()), options, TimeProvider.System),
        ];
        foreach (var sender in senders)
            Assert.IsType<PushOutcome.Refused>(await sender.SendAsync(target, Payload, CancellationToken.None));
    }

    [Theory]
    [InlineData(1, 5, 7.5)]
    [InlineData(2, 10, 15)]
    [InlineData(5, 80, 120)]
    [InlineData(40, 3_600, 5_400)]
    public void Attempts_come_ever_later(int attempt, double min, double max)
    {
        Assert.Equal(min, SendPush.DelayAfter(new PushOptions(), attempt, null, 0).TotalSeconds, 3);
        Assert.Equal(max, SendPush.DelayAfter(new PushOptions(), attempt, null, 1).TotalSeconds, 3);
        var asked = TimeSpan.FromSeconds(10_000);
        Assert.Equal(10_000, SendPush.DelayAfter(new PushOptions(), attempt, asked, 1).TotalSeconds, 3);
    }

    /// <summary>Google's token service (RFC 7523) and FCM on one address.</summary>
    private static async Task<PushService> FcmAsync(RSA rsa)
    {
        var service = await PushService.StartAsync();
        service.Answer = (pushed, response) => pushed.Path == "/token"
            ? AnswerAsTokenServiceAsync(pushed, response, rsa)
            : AnswerAsFcmAsync(pushed, response);
        return service;
    }

    private static async Task AnswerAsTokenServiceAsync(Pushed pushed, HttpResponse response, RSA rsa)
    {
        var form = HttpUtility.ParseQueryString(Encoding.UTF8.GetString(pushed.Body));
        Assert.Equal("urn:ietf:params:oauth:grant-type:jwt-bearer", form["grant_type"]);
        var claims = Verified(
            form["assertion"]!,
            (data, signature) => rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        Assert.Equal("chat@chat-test.iam.example", claims.GetProperty("iss").GetString());
        Assert.Contains("firebase.messaging", claims.GetProperty("scope").GetString(), StringComparison.Ordinal);
        await response.WriteAsJsonAsync(new { access_token = "access", token_type = "Bearer", expires_in = 3600 });
    }

    private static async Task AnswerAsFcmAsync(Pushed pushed, HttpResponse response)
    {
        var message = JsonSerializer.Deserialize<JsonElement>(pushed.Body).GetProperty("message");
        var token = message.GetProperty("token").GetString();
        response.StatusCode = pushed.Headers["Authorization"] != "Bearer access" ? 401
            : token switch { "good" => 200, "gone" => 404, "busy" => 429, _ => 403 };
        response.Headers.RetryAfter = "7";
        if (token != "gone")
            return;
        object[] details = [new { errorCode = "UNREGISTERED" }];
        await response.WriteAsJsonAsync(new { error = new { status = "NOT_FOUND", details } });
    }

    private async Task<PushSettings> FcmSettingsAsync(PushService service, RSA rsa)
    {
        var file = Path.Combine(_folder, "account.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            type = "service_account",
            project_id = "chat-test",
            private_key = rsa.ExportPkcs8PrivateKeyPem(),
            client_email = "chat@chat-test.iam.example",
            token_uri = new Uri(service.Address, "/token"),
        }));
        return new PushSettings { Fcm = new FcmOptions { ServiceAccountFile = file, Endpoint = service.Address } };
    }

    private static async Task AnswerAsApnsAsync(Pushed pushed, HttpResponse response, ECDsa key)
    {
        var bearer = pushed.Headers["authorization"];
        Assert.StartsWith("bearer ", bearer, StringComparison.Ordinal);
        var claims = Verified(
            bearer["bearer ".Length..],
            (data, signature) => key.VerifyData(data, signature, HashAlgorithmName.SHA256));
        Assert.Equal("DEF123GHIJ", claims.GetProperty("iss").GetString());
        var now = DateTimeOffset.UtcNow;
        Assert.InRange(
            claims.GetProperty("iat").GetInt64(), now.AddHours(-1).ToUnixTimeSeconds(), now.ToUnixTimeSeconds());
        Assert.Equal(("background", "5"), (pushed.Headers["apns-push-type"], pushed.Headers["apns-priority"]));
        Assert.True(pushed.Body.Length <= 4_096);
        var token = pushed.Path.Split('/')[^1];
        var (status, reason) = pushed.Headers["apns-topic"] != "org.example.chat"
            ? (400, "TopicDisallowed")
            : token switch
            {
                "bad0" => (400, "BadDeviceToken"),
                "0000" => (410, "Unregistered"),
                "429" => (429, "TooManyRequests"),
                _ => (200, ""),
            };
        response.StatusCode = status;
        response.Headers.RetryAfter = "9";
        if (status != 200)
            await response.WriteAsJsonAsync(new { reason });
    }

    private static JsonElement Verified(string token, Func<byte[], byte[], bool> verify)
    {
        var parts = token.Split('.');
        Assert.True(verify(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2])));
        return JsonSerializer.Deserialize<JsonElement>(Base64Url.DecodeFromChars(parts[1]));
    }

    private static IOptions<PushSettings> Settings(PushSettings settings) => Options.Create(settings);
}
