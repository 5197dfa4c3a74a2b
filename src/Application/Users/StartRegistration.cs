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
    /// <summary>The body of <c>POST /v1/registrations</c>.</summary>
    public sealed record Body
    {
        public string? Phone { get; init; }

        /// <summary>The name for a new account; an existing account keeps its own.</summary>
        public string? Name { get; init; }
    }

    public sealed record Command(Body Body) : IRequest<Result>;

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
                .WithMessage($"must have 1 to {Profile.NameMax} characters and no control characters.")
                .OverridePropertyName("name");
        }
    }

    internal sealed class Handler(
        IRegistrations registrations, AccountSecrets secrets, ISmsSender sms, IOptions<RegistrationOptions> options,
        IOptions<RateLimitOptions> limits, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var phone = request.Body.Phone!;
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
            if (await registrations.AddAsync(registration, limits.Value.OfPhones, cancellationToken) is { } wait)
                throw new RefusedException(Refusal.RateLimited, wait);

            await sms.SendCodeAsync(id, phone, code, cancellationToken);
            return new Result(id, expiresAt, options.Value.RevealCode ? code : null);
        }
    }
}
