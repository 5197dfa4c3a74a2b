using ChatCqrs.Application.Users;
using ChatCqrs.Infrastructure.Sms;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>Validates the account settings at start; each error names the wrong setting.</summary>
internal sealed class AccountValidation(bool development)
    : IValidateOptions<TokenOptions>, IValidateOptions<RegistrationOptions>, IValidateOptions<AccessOptions>,
        IValidateOptions<SmsOptions>, IValidateOptions<TextOptions>, IValidateOptions<DeviceLinkOptions>
{
    public ValidateOptionsResult Validate(string? name, TokenOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Issuer))
            return Fail("Tokens:Issuer must not be empty.");
        if (options.AccessMinutes is not (>= 1 and <= 1_440))
            return Fail("Tokens:AccessMinutes must be 1 to 1440.");
        if (options.RefreshDays is not (>= 1 and <= 3_650))
            return Fail("Tokens:RefreshDays must be 1 to 3650.");
        try
        {
            SigningKeys.Load(options);
            return ValidateOptionsResult.Success;
        }
        catch (Exception exception)
            when (exception is InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return Fail(exception.Message);
        }
    }

    public ValidateOptionsResult Validate(string? name, RegistrationOptions options) =>
        options.CodeMinutes is >= 1 and <= 60
            ? ValidateOptionsResult.Success
            : Fail("Registration:CodeMinutes must be 1 to 60.");

    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        (List<string> List, string Setting)[] roles =
        [
            (options.Admins, "Access:Admins"), (options.Auditors, "Access:Auditors"),
            (options.Compliance, "Access:Compliance"),
        ];
        foreach (var (list, setting) in roles)
        {
            if (list.Find(entry => !PhoneNumber.IsE164(entry) && !Guid.TryParse(entry, out _)) is { } wrong)
                return Fail($"{setting} must name phones in E.164 form or ids of users, not '{wrong}'.");
        }

        return ValidateOptionsResult.Success;
    }

    public ValidateOptionsResult Validate(string? name, SmsOptions options)
    {
        if (options.WebhookUrl is null)
        {
            return development
                ? ValidateOptionsResult.Success
                : Fail("Sms:WebhookUrl must be set outside Development: codes have to reach phones.");
        }

        if (!IsHttpsOrLocal(options.WebhookUrl))
            return Fail("Sms:WebhookUrl must be an https URL, or http on this machine.");
        if (options.WebhookSecret is not { Length: >= SmsOptions.SecretLengthMin })
            return Fail($"Sms:WebhookSecret must have at least {SmsOptions.SecretLengthMin} characters.");
        if (options.TimeoutSeconds is not (>= 1 and <= 60))
            return Fail("Sms:TimeoutSeconds must be 1 to 60.");
        return options.Attempts is >= 1 and <= 10
            ? ValidateOptionsResult.Success
            : Fail("Sms:Attempts must be 1 to 10.");
    }

    public ValidateOptionsResult Validate(string? name, TextOptions options) =>
        options.Fault() is { } fault ? Fail(fault) : ValidateOptionsResult.Success;

    public ValidateOptionsResult Validate(string? name, DeviceLinkOptions options)
    {
        if (options.Lifetime < TimeSpan.FromSeconds(1) || options.Lifetime > TimeSpan.FromHours(1))
            return Fail("DeviceLinks:Lifetime must be 00:00:01 to 01:00:00.");
        if (options.OpenMax is not (>= 1 and <= 1_000_000))
            return Fail("DeviceLinks:OpenMax must be 1 to 1000000.");
        if (options.WaitsPerAddress is not (>= 1 and <= 100_000))
            return Fail("DeviceLinks:WaitsPerAddress must be 1 to 100000.");
        return options.WaitsMax is >= 1 and <= 100_000
            ? ValidateOptionsResult.Success
            : Fail("DeviceLinks:WaitsMax must be 1 to 100000.");
    }

    private static bool IsHttpsOrLocal(Uri url) => url.IsAbsoluteUri
        && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));

    private static ValidateOptionsResult Fail(string message) => ValidateOptionsResult.Fail(message);
}
