using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Signs a device in if the code is right. Every step is repeatable: if one fails, sending the same code again
/// completes the rest.
/// </summary>
public static class VerifyRegistration
{
    public const int DeviceNameMax = 100;
    public const int PlatformMax = 50;
    public const int CodeMax = 32;

    /// <summary>The body of <c>POST /v1/registrations/{registration_id}/verification</c>.</summary>
    public sealed record Body
    {
        public string? Code { get; init; }
        public DeviceBody? Device { get; init; }
    }

    public sealed record DeviceBody
    {
        public string? Name { get; init; }
        public string? Platform { get; init; }
    }

    public sealed record Command(string Registration, Body Body) : IRequest<SignedIn>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Code).Must(code => code is { Length: > 0 and <= CodeMax })
                .WithMessage("must be the code that was sent.").OverridePropertyName("code");
            RuleFor(c => c.Body.Device).NotNull().WithMessage("must be given: {name, platform}.")
                .OverridePropertyName("device");
            RuleFor(c => c.Body.Device!.Name).Must(name => name is not null && PlainText.IsLine(name, DeviceNameMax))
                .When(c => c.Body.Device is not null)
                .WithMessage($"must have 1 to {DeviceNameMax} characters and no control characters.")
                .OverridePropertyName("device.name");
            RuleFor(c => c.Body.Device!.Platform)
                .Must(platform => platform is not null && PlainText.IsLine(platform, PlatformMax))
                .When(c => c.Body.Device is not null)
                .WithMessage($"must have 1 to {PlatformMax} characters and no control characters.")
                .OverridePropertyName("device.platform");
        }
    }

    internal sealed class Handler(
        IRegistrations registrations, IDeviceSessions sessions, UserWriter users, AccountSecrets secrets,
        IContentSealer sealer, RefreshTokens refreshTokens, AccessRoles roles, IAccessTokens accessTokens,
        IOptions<TokenOptions> tokens, TimeProvider clock)
        : IRequestHandler<Command, SignedIn>
    {
        public async Task<SignedIn> Handle(Command request, CancellationToken cancellationToken)
        {
            if (!Guid.TryParseExact(request.Registration, "D", out var id))
                throw new RefusedException(Refusal.RegistrationUnknown);
            var registration = await CheckAsync(id, request.Body.Code!, cancellationToken);
            var profile = await secrets.OpenAsync(registration, cancellationToken)
                ?? throw new RefusedException(Refusal.RegistrationBurnt);

            var user = await registrations.ClaimPhoneAsync(
                registration.Phone, registration.User, clock.GetUtcNow(), cancellationToken);
            var (_, position) = await users.WriteAsync(
                user,
                (state, ct) => AddDeviceAsync(state, user, registration.Device, request.Body.Device!, profile, ct),
                new Actor(user, registration.Device), causation: id, cancellationToken);
            return await SignInAsync(registration, user, position, cancellationToken);
        }

        private async Task<Registration> CheckAsync(Guid id, string code, CancellationToken cancellationToken)
        {
            var check = await registrations.CheckCodeAsync(
                id, await secrets.CodeAsync(id, code, cancellationToken), RegistrationOptions.AttemptsMax,
                clock.GetUtcNow(), cancellationToken);
            return check switch
            {
                CodeCheck.Right right => right.Registration,
                CodeCheck.Wrong => throw new RefusedException(Refusal.WrongCode),
                CodeCheck.Over => throw new RefusedException(Refusal.RegistrationBurnt),
                _ => throw new RefusedException(Refusal.RegistrationUnknown),
            };
        }

        private async ValueTask<UserCommand?> AddDeviceAsync(
            User state, UserId user, DeviceId device, DeviceBody body, Profile profile,
            CancellationToken cancellationToken)
        {
            DeviceId? removed = null;
            if (state.Devices.Length >= User.DevicesMax && !state.HasDevice(device))
            {
                removed = await LeastRecentlySeenAsync(state, user, cancellationToken);
                await sessions.RevokeAsync(user, removed.Value, cancellationToken);
            }

            var sealedProfile = await sealer.SealAsync(Profile.ScopeOf(user), profile.ToBytes(), cancellationToken);
            return new UserCommand.AddDevice(user, device, body.Name!, body.Platform!, sealedProfile, removed);
        }

        private async Task<DeviceId> LeastRecentlySeenAsync(
            User state, UserId user, CancellationToken cancellationToken)
        {
            var lastSeen = await sessions.LastSeenAsync(user, cancellationToken);
            return state.Devices.MinBy(device => lastSeen.GetValueOrDefault(device.Id, DateTimeOffset.MinValue))!.Id;
        }

        private async Task<SignedIn> SignInAsync(
            Registration registration, UserId user, LogPosition position, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var (refreshToken, hash) = await refreshTokens.MakeAsync(registration.Device, cancellationToken);
            var signIn = new SignIn(user, registration.Device, hash, now, now.AddDays(tokens.Value.RefreshDays));
            if (!await registrations.CompleteAsync(registration.Id, signIn, cancellationToken))
                throw new RefusedException(Refusal.RegistrationBurnt);

            var granted = await roles.OfAsync(user, registration.Phone, cancellationToken);
            return new SignedIn(
                user, registration.Device, accessTokens.Issue(user, registration.Device, granted), refreshToken,
                accessTokens.Lifetime, position);
        }
    }
}
