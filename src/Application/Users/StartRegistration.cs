using System.Diagnostics.Metrics;
using System.Globalization;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>Sends a code to a phone, so that its owner can prove possession.</summary>
public static class StartRegistration
{
    private static readonly Counter<long> Codes = Telemetry.Meter.CreateCounter<long>(
        "chat.sms.codes", "{code}", "Codes asked for, by country code and by what became of them.");

    /// <summary>The body of <c>POST /v1/registrations</c>.</summary>
    public sealed record Body
    {
        public string? Phone { get; init; }

        /// <summary>The name for a new account; an existing account keeps its own.</summary>
        public string? Name { get; init; }

        /// <summary>
        /// A refresh token of a device that signed in to the phone's account, also a used or ended one. It lets the
        /// device in where others have used up the codes of the phone. A token of another account has no effect.
        /// </summary>
        public string? RefreshToken { get; init; }
    }

    /// <param name="Address">The client's address: IPv4, or the /56 of IPv6; 0 if unknown.</param>
    public sealed record Command(Body Body, ulong Address) : IRequest<Result>;

    /// <param name="Code">The code, in Development only; otherwise null.</param>
    public sealed record Result(Guid Registration, DateTimeOffset ExpiresAt, string? Code);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Phone).Must(PhoneNumber.IsE164)
                .WithMessage(
                    "must be in E.164 form: a plus sign, the country's code and the number, such as +12025550123.")
                .OverridePropertyName("phone");
            RuleFor(c => c.Body.Name).Must(name => name is null || PlainText.IsLine(name, Profile.NameMax))
                .WithMessage($"must have 1 to {Profile.NameMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("name");
            RuleFor(c => c.Body.RefreshToken).Must(token => token is null or { Length: <= RefreshAccess.TokenMax })
                .WithMessage("must be a refresh token.").OverridePropertyName("refresh_token");
        }
    }

    internal sealed class Handler(
        IRegistrations registrations, AccountSecrets secrets, RefreshTokens refreshTokens, ISmsSender sms,
        IOptions<RegistrationOptions> options, IOptions<RateLimitOptions> limits, IOptions<TextOptions> texts,
        TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var phone = request.Body.Phone!;
            var country = PhoneNumber.CountryOf(phone);
            if (!texts.Value.Serves(phone))
            {
                Count(country, "country_refused");
                throw new RefusedException(Refusal.CountryNotServed);
            }

            var now = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
            var expiresAt = now.AddMinutes(options.Value.CodeMinutes);
            var id = Guid.CreateVersion7(now);
            var code = RandomNumberGenerator.GetInt32(0, 1_000_000).ToString("D6", CultureInfo.InvariantCulture);

            var registration = new Registration(
                id, await secrets.PhoneKeyAsync(phone, cancellationToken), new UserId(Guid.CreateVersion7(now)),
                new DeviceId(Guid.CreateVersion7(now)),
                await secrets.SealAsync(
                    id, expiresAt, new Profile { Phone = phone, Name = request.Body.Name },
                    cancellationToken), await secrets.CodeAsync(id, code, cancellationToken), now, expiresAt);
            var origin = new CodeOrigin(
                await secrets.AddressKeyAsync(request.Address, cancellationToken),
                await DeviceOfAsync(request.Body, cancellationToken), country);
            var most = new CodeLimits(limits.Value.OfPhones, texts.Value.OfTexts);
            if (await registrations.AddAsync(registration, origin, most, cancellationToken) is { } refused)
            {
                Count(country, $"{refused.By.ToString().ToLowerInvariant()}_limit");
                throw new RefusedException(Refusal.RateLimited, refused.RetryAfter);
            }

            try
            {
                await sms.SendCodeAsync(id, phone, code, cancellationToken);
            }
            catch (RefusedException)
            {
                Count(country, "failed");
                throw;
            }

            Count(country, "sent");
            return new Result(id, expiresAt, options.Value.RevealCode ? code : null);
        }

        private async ValueTask<DeviceId?> DeviceOfAsync(Body body, CancellationToken cancellationToken) =>
            body.RefreshToken is { } token
                ? (await refreshTokens.ReadAsync(token, cancellationToken))?.Device
                : null;

        private static void Count(string country, string outcome) =>
            Codes.Add(1, new("country", country), new("outcome", outcome));
    }
}
