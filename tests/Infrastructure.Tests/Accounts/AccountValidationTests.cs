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
        AssertNames("Sms:WebhookUrl", _production.Validate(null, new SmsOptions()));
        Assert.True(new AccountValidation(development: true).Validate(null, new SmsOptions()).Succeeded);
    }

    [Theory]
    [InlineData("https://sms.example.org/send", Secret, true)]
    [InlineData("http://127.0.0.1:9000/send", Secret, true)]
    [InlineData("http://sms.example.org/send", Secret, false)]
    [InlineData("/send", Secret, false)]
    [InlineData("https://sms.example.org/send", "short", false)]
    [InlineData("https://sms.example.org/send", null, false)]
    public void The_webhook_is_https_and_signed(string url, string? secret, bool valid)
    {
        var options = new SmsOptions { WebhookUrl = new Uri(url, UriKind.RelativeOrAbsolute), WebhookSecret = secret };

        Assert.Equal(valid, _production.Validate(null, options).Succeeded);
    }

    [Fact]
    public void Production_needs_signing_keys()
    {
        AssertNames("Tokens:KeyFile", _production.Validate(null, new TokenOptions()));
        AssertNames("Tokens:KeyFile", _production.Validate(null, new TokenOptions { KeyFile = "/does/not/exist" }));
        AssertKeys(succeeds: true, Key(ECCurve.NamedCurves.nistP256));
    }

    [Fact]
    public void A_key_on_another_curve_or_without_its_private_part_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        AssertKeys(succeeds: false, Key(ECCurve.NamedCurves.nistP384));
        AssertKeys(succeeds: false, key.ExportSubjectPublicKeyInfoPem());
        AssertKeys(succeeds: false, "nonsense");
    }

    [Fact]
    public void Those_with_roles_are_named_by_phone_or_id()
    {
        var good = new AccessOptions
        {
            Admins = { "+12025550199" },
            Auditors = { "0196a000-0000-7000-8000-000000000001" },
        };
        Assert.True(_production.Validate(null, good).Succeeded);
        AssertNames("Access:Auditors", _production.Validate(null, new AccessOptions { Auditors = { "Ann" } }));
    }

    [Theory]
    [InlineData(0, 90)]
    [InlineData(1_441, 90)]
    [InlineData(15, 0)]
    public void Lifetimes_have_bounds(double minutes, double days)
    {
        var options = new TokenOptions
        {
            Keys = [Key(ECCurve.NamedCurves.nistP256)],
            AccessMinutes = minutes,
            RefreshDays = days,
        };

        Assert.False(_production.Validate(null, options).Succeeded);
    }

    private void AssertKeys(bool succeeds, string key)
    {
        var result = _production.Validate(null, new TokenOptions { Keys = [key] });
        Assert.Equal(succeeds, result.Succeeded);
        if (!succeeds)
            AssertNames("Tokens:Keys", result);
    }

    private static void AssertNames(string setting, ValidateOptionsResult result) =>
        Assert.Contains(setting, Assert.Single(result.Failures!), StringComparison.Ordinal);

    private static string Key(ECCurve curve)
    {
        using var key = ECDsa.Create(curve);
        return key.ExportPkcs8PrivateKeyPem();
    }
}
