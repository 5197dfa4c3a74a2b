using System.Net;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Sms;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

public sealed class WebhookSmsSenderTests
{
    private const string Secret = "0123456789abcdef";
    private static readonly Guid Registration = new("0196a000-0000-7000-8000-000000000001");

    [Fact]
    public async Task A_code_is_handed_over_with_a_signature()
    {
        var gateway = new Gateway(HttpStatusCode.Accepted);

        await SendAsync(gateway);

        var (headers, body) = Assert.Single(gateway.Requests);
        Assert.Equal("""{"to":"\u002B12025550123","code":"042917","text":"042917 is your code."}""", body);
        Assert.Equal(Registration.ToString(), headers["Idempotency-Key"]);
        var time = Given.Now.ToUnixTimeSeconds();
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes($"{time}.{body}"));
        Assert.Equal($"t={time},v1={Convert.ToHexStringLower(signature)}", headers["Chat-Signature"]);
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.TooManyRequests)]
    [InlineData(HttpStatusCode.RequestTimeout)]
    public async Task A_gateway_that_is_busy_is_asked_again(HttpStatusCode busy)
    {
        var gateway = new Gateway(busy, HttpStatusCode.OK);

        await SendAsync(gateway);

        Assert.Equal(2, gateway.Requests.Count);
    }

    [Fact]
    public async Task A_gateway_that_stays_busy_or_away_is_given_up()
    {
        var busy = new Gateway(HttpStatusCode.BadGateway);
        var away = new Gateway([null]);

        foreach (var gateway in new[] { busy, away })
        {
            var refused = await Assert.ThrowsAsync<RefusedException>(() => SendAsync(gateway));
            Assert.Equal(Refusal.SmsUnavailable, refused.Refusal);
        }

        Assert.Equal((3, 3), (busy.Requests.Count, away.Requests.Count));
    }

    [Theory]
    [InlineData(HttpStatusCode.BadRequest)]
    [InlineData(HttpStatusCode.Redirect)]
    public async Task A_gateway_that_refuses_is_not_asked_again(HttpStatusCode refusal)
    {
        var gateway = new Gateway(refusal);

        await Assert.ThrowsAsync<RefusedException>(() => SendAsync(gateway));

        Assert.Single(gateway.Requests);
    }

    private static Task SendAsync(Gateway gateway)
    {
        var options = new SmsOptions { WebhookUrl = new Uri("https://sms.example.org/send"), WebhookSecret = Secret };
        var sender = new WebhookSmsSender(
            new HttpClient(gateway), Options.Create(options), new HastyClock(), NullLogger<WebhookSmsSender>.Instance);
        return sender.SendCodeAsync(Registration, "+12025550123", "042917", default);
    }

    /// <summary>Answers with the statuses in turn and repeats the last; null drops the connection.</summary>
    private sealed class Gateway(params HttpStatusCode?[] statuses) : HttpMessageHandler
    {
        public List<(Dictionary<string, string> Headers, string Body)> Requests { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var headers = request.Headers.ToDictionary(header => header.Key, header => string.Join(',', header.Value));
            Requests.Add((headers, await request.Content!.ReadAsStringAsync(cancellationToken)));
            return statuses[Math.Min(Requests.Count, statuses.Length) - 1] is { } status
                ? new HttpResponseMessage(status)
                : throw new HttpRequestException(HttpRequestError.ConnectionError);
        }
    }

    /// <summary>A clock that stands still and fires its timers at once.</summary>
    private sealed class HastyClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Given.Now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
