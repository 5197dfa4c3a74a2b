using System.Net.Http.Json;
using System.Text.RegularExpressions;
using ChatCqrs.WebApi.Tests.Accounts;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server behind a proxy that sends few codes, and only to two countries.</summary>
public sealed class CodeLimitedServer : ChatServer
{
    public const int PerPhone = 4;
    public const int PerAddress = 2;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("Proxy:Enabled", "true"), ("RateLimits:CodesPerPhoneAndHour", $"{PerPhone}"),
        ("RateLimits:CodesPerPhoneAddressAndHour", $"{PerAddress}"), ("Sms:Countries:0", "+1303"),
        ("Sms:Countries:1", "49"), ("Sms:PerCountryAndHour", "1000"),
    ];
}

/// <summary>An outsider neither keeps a phone from signing in, nor runs up the operator's bill.</summary>
public sealed partial class CodeLimitTests(CodeLimitedServer server) : IClassFixture<CodeLimitedServer>
{
    [Fact]
    public async Task An_address_that_asks_too_often_does_not_stop_another_one()
    {
        var phone = NewPhone();
        for (var i = 0; i < CodeLimitedServer.PerAddress; i++)
            (await StartAsync(phone, "192.0.2.1")).Is(202);

        (await StartAsync(phone, "192.0.2.1")).IsProblem(429, "rate_limited");
        (await StartAsync(phone, "192.0.2.2")).Is(202);
    }

    [Fact]
    public async Task Many_addresses_stop_neither_the_address_nor_the_device_that_signed_in_before()
    {
        var phone = NewPhone();
        var started = (await StartAsync(phone, "192.0.2.1")).Is(202);
        var device = Tokens.Of((await PostAsync(
            $"/v1/registrations/{started.Text("registration_id")}/verification",
            new { code = started.Text("code"), device = ADevice() }, "192.0.2.1")).Is(200));
        var attempts = new List<Answer>();
        for (var i = 10; i < 20; i++)
            attempts.Add(await StartAsync(phone, $"192.0.2.{i}"));
        Assert.Equal(CodeLimitedServer.PerPhone - 1, attempts.Count(answer => answer.Status == 202));

        (await StartAsync(phone, "192.0.2.99")).IsProblem(429, "rate_limited");
        (await StartAsync(phone, "192.0.2.1")).Is(202);
        (await StartAsync(phone, "192.0.2.99", device.Refresh)).Is(202);

        // A used token is proof enough; one of somebody else is none, nor is rubbish.
        (await server.RefreshAsync(device.Refresh)).Is(200);
        (await StartAsync(phone, "192.0.2.99", device.Refresh)).Is(202);
        var other = await server.SignInAsync();
        (await StartAsync(phone, "192.0.2.99", other.Refresh)).IsProblem(429, "rate_limited");
        (await StartAsync(phone, "192.0.2.99", "rubbish")).IsProblem(429, "rate_limited");
    }

    [Theory]
    [InlineData("+4915100000001", 202)]
    [InlineData("+13035550123", 202)]
    [InlineData("+12025550123", 400)]
    [InlineData("+4415100000001", 400)]
    public async Task Only_phones_of_countries_that_are_served_get_codes(string phone, int status)
    {
        var answer = (await StartAsync(phone, "192.0.2.5")).Is(status);

        if (status == 400)
            answer.IsProblem(400, "country_not_served");
    }

    [Fact]
    public async Task Codes_are_counted_by_country_and_by_what_became_of_them()
    {
        (await StartAsync("+4915100000002", "192.0.2.6")).Is(202);
        (await StartAsync("+4915100000002", "192.0.2.6")).Is(202);
        (await StartAsync("+4915100000002", "192.0.2.6")).Is(429);
        (await StartAsync("+99815100000001", "192.0.2.6")).Is(400);

        var metrics = await server.Http.GetStringAsync("/metrics");

        var codes = Codes().Matches(metrics).Select(match => match.Groups[1].Value).ToList();
        (string Country, string Outcome)[] expected =
            [("49", "sent"), ("49", "address_limit"), ("998", "country_refused")];
        foreach (var (country, outcome) in expected)
        {
            Assert.Contains(codes, labels => labels.Contains($"country=\"{country}\"", StringComparison.Ordinal)
                && labels.Contains($"outcome=\"{outcome}\"", StringComparison.Ordinal));
        }
    }

    private Task<Answer> StartAsync(string phone, string address, string? token = null) =>
        PostAsync("/v1/registrations", new { phone, refresh_token = token }, address);

    private Task<Answer> PostAsync(string path, object body, string address)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Add("X-Forwarded-For", address);
        return server.SendAsync(request);
    }

    [GeneratedRegex(@"^chat_sms_codes\w*\{(.*)\}", RegexOptions.Multiline)]
    private static partial Regex Codes();
}
