using System.Security.Cryptography;
using ChatCqrs.Application.Users;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Infrastructure.Sms;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

public sealed class AccountValidationTests
{
    private const string Secret = "0123456789abcdef";
    private readonly AccountValidation _production = new(development: false);

    [Fact]
    public void Production_needs_a_way_to_send_codes()
    {
        Assert.Contains("Sms:WebhookUrl", Failure(_production.Validate(null, new SmsOptions())), StringComparison.Ordinal);
        Assert.True(new AccountValidation(development: true).Validate(null, new SmsOptions()).Succeeded);
    }

    [Theory]
    [InlineData("https://sms.example.org/send", Secret, true)]
    [InlineData("http://127.0.0.1:9000/send", Secret, true)]
    [InlineData("http://sms.example.org/send", Secret, false)]
    [InlineData("/send", Secret, false)]
    [InlineData("https://sms.example.org/send", "short", false)]
    [InlineData("https://sms.example.org/send", null, false)]
    public void The_webhook_is_https_and_signed(string url, string? secret, bool valid) => Assert.Equal(
        valid, _production.Validate(null, new SmsOptions { WebhookUrl = new Uri(url, UriKind.RelativeOrAbsolute), WebhookSecret = secret }).Succeeded);

    [Fact]
    public void Production_needs_signing_keys()
    {
        Assert.Contains("Tokens:KeyFile", Failure(_production.Validate(null, new TokenOptions())), StringComparison.Ordinal);
        Assert.Contains("Tokens:KeyFile", Failure(_production.Validate(null, new TokenOptions { KeyFile = "/does/not/exist" })), StringComparison.Ordinal);
        Assert.True(_production.Validate(null, new TokenOptions { Keys = [Key(ECCurve.NamedCurves.nistP256)] }).Succeeded);
    }

    [Fact]
    public void A_key_on_another_curve_or_without_its_private_part_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains("Tokens:Keys", Failure(_production.Validate(null, new TokenOptions { Keys = [Key(ECCurve.NamedCurves.nistP384)] })), StringComparison.Ordinal);
        Assert.Contains("Tokens:Keys", Failure(_production.Validate(null, new TokenOptions { Keys = [key.ExportSubjectPublicKeyInfoPem()] })), StringComparison.Ordinal);
        Assert.Contains("Tokens:Keys", Failure(_production.Validate(null, new TokenOptions { Keys = ["nonsense"] })), StringComparison.Ordinal);
    }

    [Fact]
    public void Those_with_roles_are_named_by_phone_or_id()
    {
        var good = new AccessOptions { Admins = { "+12025550199" }, Auditors = { "0196a000-0000-7000-8000-000000000001" } };
        Assert.True(_production.Validate(null, good).Succeeded);
        Assert.Contains("Access:Auditors", Failure(_production.Validate(null, new AccessOptions { Auditors = { "Ann" } })), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 90)]
    [InlineData(1_441, 90)]
    [InlineData(15, 0)]
    public void Lifetimes_have_bounds(double minutes, double days) => Assert.False(_production.Validate(null, new TokenOptions
    {
        Keys = [Key(ECCurve.NamedCurves.nistP256)],
        AccessMinutes = minutes,
        RefreshDays = days,
    }).Succeeded);

    private static string Failure(ValidateOptionsResult result) => Assert.Single(result.Failures!);

    private static string Key(ECCurve curve)
    {
        using var key = ECDsa.Create(curve);
        return key.ExportPkcs8PrivateKeyPem();
    }
}
